// Around the frame: what it hands over goes into the headers of a request.
window.addEventListener("message", async (event) => {
  if (event.origin !== location.origin || !event.data.passed) {
    return;
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(event.data.passed)) {
    headers.set(name.replace("_", "-"), value);
  }
  const answer = await fetch("[[target]]", { headers });
  document.getElementById("items").innerHTML = await answer.text();
});
