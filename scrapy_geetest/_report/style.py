"""How the page looks: light and dark, on paper, and down to 320 pixels."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --sheet: #f6f7f9; --ink: #1b1f24; --soft: #4d5560; --line: #d5dae0; --link: #0b57b0;
  --accepted: #1f8a4c; --refused: #c8362e; --unverified: #d99a11; --unused: #7b56c2; --failed: #6b7683;
  --abandoned: #a3582b; --pending: #2f7fd6; --bar: #2f7fd6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --sheet: #1d2127; --ink: #e8ebef; --soft: #a9b2bd; --line: #363d46; --link: #7db8ff;
    --accepted: #43b873; --refused: #f0736b; --unverified: #e3b341; --unused: #a98bea; --failed: #8d98a5;
    --abandoned: #d18a5b; --pending: #5aa2f0; --bar: #5aa2f0;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding: 2.5rem 0 .5rem; }
h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
h1 { font-size: 2rem; margin: 0 0 .35rem; letter-spacing: -.01em; }
h2 { font-size: 1.3rem; margin: 0 0 .75rem; }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem; }
p { margin: 0 0 .75rem; max-width: 46rem; }
a { color: var(--link); }
code { font: .9em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
section { margin: 2.75rem 0 0; }
section section { margin: 1.75rem 0 0; }
section.more { margin-top: 1.25rem; }
.eyebrow { margin: 0 0 .25rem; color: var(--soft); font-size: .85rem; letter-spacing: .06em; text-transform: uppercase; }
.when { color: var(--soft); }
.lead { font-size: 1.2rem; line-height: 1.45; margin: 1.25rem 0 0; }
.note { color: var(--soft); font-size: .9rem; }
.state { display: inline-block; border: 1px solid var(--line); border-radius: 1rem; padding: 0 .7rem; color: var(--ink); }
.state::before, .badge::before {
  content: ""; display: inline-block; width: .6rem; height: .6rem; border-radius: 50%; margin-right: .45rem; background: var(--failed);
}
.state.good::before { background: var(--accepted); }
.state.bad::before, .badge.refused::before { background: var(--refused); }
.state.running::before { background: var(--pending); }
.badge.unverified::before { background: var(--unverified); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr)); gap: .75rem; margin: 1.75rem 0 0; }
.tiles > div { background: var(--sheet); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.tiles dt { color: var(--soft); font-size: .9rem; }
.tiles dd { margin: 0; font-size: 1.55rem; font-weight: 600; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tiles dd.note { font-size: .85rem; font-weight: 400; line-height: 1.4; }
.notes { margin: 0; padding: 0; list-style: none; }
.notes li { border-left: .25rem solid var(--unverified); background: var(--sheet); border-radius: .3rem; padding: .65rem 1rem; margin: 0 0 .6rem; }
.calm { border-left: .25rem solid var(--accepted); background: var(--sheet); border-radius: .3rem; padding: .65rem 1rem; }
.stack { display: block; width: 100%; height: 1.75rem; border-radius: .35rem; }
.legend { list-style: none; padding: 0; margin: 1rem 0 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: .8rem 1.5rem; }
.legend li { position: relative; padding-left: 1.6rem; }
.legend .note { display: block; }
.key { position: absolute; left: 0; top: .35rem; width: .95rem; height: .95rem; border-radius: .25rem; }
.accepted { fill: var(--accepted); } .key.accepted { background: var(--accepted); }
.refused { fill: var(--refused); } .key.refused { background: var(--refused); }
.unverified { fill: var(--unverified); } .key.unverified { background: var(--unverified); }
.unused { fill: var(--unused); } .key.unused { background: var(--unused); }
.failed { fill: var(--failed); } .key.failed { background: var(--failed); }
.abandoned { fill: var(--abandoned); } .key.abandoned { background: var(--abandoned); }
.pending { fill: var(--pending); } .key.pending { background: var(--pending); }
figure { margin: 1.25rem 0 0; }
figcaption { margin: .35rem 0; }
.chart { display: block; width: 100%; height: 8.5rem; fill: var(--bar); border-bottom: 1px solid var(--line); background: var(--sheet); }
.chart.waits { fill: var(--unverified); }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: .85rem; padding: .2rem 0; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; margin: 0 0 1.5rem; font-size: .95rem; }
caption { text-align: left; font-weight: 600; padding: .35rem 0; }
th, td { text-align: left; vertical-align: top; padding: .45rem .75rem .45rem 0; border-bottom: 1px solid var(--line); font-weight: 400; }
thead th { color: var(--soft); font-size: .85rem; }
tbody th { font-weight: 600; }
.numbers td, .numbers thead th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums; }
.numbers td:last-child, .numbers th:last-child { padding-right: 0; }
table:not(.numbers) { table-layout: fixed; }
table:not(.numbers) thead th:first-child { width: 30%; }
table:not(.numbers) thead th:nth-child(2) { width: 6rem; }
details { border-bottom: 1px solid var(--line); }
details:first-of-type { border-top: 1px solid var(--line); }
summary { cursor: pointer; padding: .5rem .25rem; }
summary:hover { background: var(--sheet); }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
figure details, .figures { margin-top: .5rem; }
time { color: var(--soft); font-variant-numeric: tabular-nums; margin-right: .5rem; }
.facts { display: grid; grid-template-columns: 9rem 1fr; gap: .3rem 1rem; margin: .25rem 0 1rem; padding: 0 .25rem; font-size: .95rem; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; }
.facts ul { list-style: none; margin: 0; padding: 0; }
footer { color: var(--soft); font-size: .9rem; margin-top: 3rem; padding-bottom: 2.5rem; }
footer p { border-top: 1px solid var(--line); padding-top: 1rem; max-width: none; }
@media screen and (max-width: 44rem) {
  main, footer { padding: 0 1rem; }
  header { padding-top: 1.5rem; }
  h1 { font-size: 1.6rem; }
  .lead { font-size: 1.1rem; }
  .tiles { grid-template-columns: repeat(2, 1fr); gap: .6rem; }
  .tiles > div { padding: .65rem .8rem; }
  .tiles dd { font-size: 1.3rem; }
  .legend { grid-template-columns: 1fr; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: .45rem; }
  table, tbody, tr, th, td, caption { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { border: 1px solid var(--line); border-radius: .5rem; padding: .35rem .8rem; margin: 0 0 .6rem; }
  th, td { border: 0; padding: .2rem 0; }
  td::before { content: attr(data-label); color: var(--soft); }
  td.zero { display: none; }
  .numbers td:not(.zero) { display: flex; justify-content: space-between; gap: 1rem; text-align: right; }
  table:not(.numbers) td::before { display: block; font-size: .85rem; }
}
@media print {
  :root {
    color-scheme: light;
    --ground: #ffffff; --sheet: #ffffff; --ink: #000000; --soft: #333333; --line: #999999; --link: #000000;
  }
  body { font-size: 10pt; }
  table, .facts { font-size: 9pt; }
  th, td, summary { padding-top: .15rem; padding-bottom: .15rem; }
  main, footer { max-width: none; padding: 0; }
  section { margin-top: 1.5rem; }
  h2, h3, caption, summary { break-after: avoid; }
  .tiles > div, tr, .stack, .chart { break-inside: avoid; }
  .stack, .chart, .key, .state::before, .badge::before { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details::details-content { content-visibility: visible; height: auto; }
}
"""
