"""Words that tell of a failure, in the languages of sites that use GeeTest."""

from __future__ import annotations

import re

_LATIN = {
    "en": r"fail(?:ed|ure|s)?|errors?|incorrect|invalid|wrong|denied|forbidden|refused|rejected|expired|illegal|unsuccessful"
    r"|not\s+(?:been\s+)?(?:valid|correct|pass(?:ed)?|verif(?:y|ied)|accepted|successful|solved|completed)|try\s+again",
    "de": r"fehler|fehlgeschlagen|ungültig\w*|falsch\w*|abgelehnt|abgelaufen|erneut\s+versuchen"
    r"|(?:nicht|kein\w*)\s+(?:\w+\s+)?(?:erfolgreich|bestanden|korrekt|richtig|gültig\w*|geklappt|akzeptiert)",
    "es/pt": r"incorret[oa]s?|incorrect[oa]s?|inv[áa]lid[oa]s?|fallid[oa]|fall[óo]|falh(?:a|ou)|erro|errónea|erróneo"
    r"|rechazad[oa]|recusad[oa]|caducad[oa]|expirad[oa]|int[ée]ntelo|inténtalo|tente\s+novamente",
    "fr": r"[ée]chec|[ée]chou[ée]e?|erreur|invalides?|incorrecte?s?|refus[ée]e?|expir[ée]e?|r[ée]essaye[rz]",
    "it": r"errore|errat[oa]|fallit[oa]|scadut[oa]|non\s+valid[oa]|non\s+corrett[oa]|riprova\w*",
    "nl": r"mislukt|ongeldige?|onjuiste?|verlopen|opnieuw",
    "pl": r"nieprawidłow\w+|niepoprawn\w+|błąd|błędn\w+|nie\s+powiodł[ao]\s+się|spróbuj\s+ponownie|wygasł\w*",
    "ru/uk": r"неверн\w+|неправильн\w+|невірн\w+|ошибк\w+|помилк\w+|не\s+пройден\w*|не\s+удалось|недействительн\w+|отклон\w+"
    r"|истек\w*|истёк\w*|просрочен\w+|неудач\w+|попробуйте|повторите",
    "tr": r"hata(?:lı)?|geçersiz|yanlış|başarısız|tekrar\s+deneyin",  # noqa: RUF001  # Turkish has this letter
    "id/ms": r"gagal|salah|tidak\s+(?:valid|sah|berhasil|benar)|coba\s+lagi|cuba\s+lagi",
    "vi": r"thất\s+bại|không\s+(?:hợp\s+lệ|đúng|chính\s+xác|thành\s+công)|lỗi|thử\s+lại",
}
_OTHER = {
    "zh": r"失败|失敗|错误|錯誤|不正确|不正確|无效|無效|拒绝|拒絕|未通过|未通過|不通过|不通過|异常|異常|過期|过期|有误|有誤|非法"
    r"|不匹配|请重试|請重試|重新验证|重新驗證|超时|逾時",
    "ja": r"エラー|正しくありません|間違|無効|やり直|もう一度",
    "ko": r"실패|오류|올바르지|잘못|유효하지|만료|다시\s*시도",
    "th": r"ไม่ถูกต้อง|ล้มเหลว|ผิดพลาด|ลองใหม่",
    "ar/fa": r"خطأ|فشل|غير\s+صحيح|غير\s+صالح|خطا|نامعتبر|ناموفق",
}
FAILURE = re.compile(rf"\b(?:{'|'.join(_LATIN.values())})\b|{'|'.join(_OTHER.values())}", re.IGNORECASE)
"""Matches where a text says that something failed."""

CAPTCHA = re.compile(r"captcha|geetest|капч|验证码|驗證碼|캡차|캡챠", re.IGNORECASE)
"""Matches where a text speaks of the CAPTCHA, which content may do as well."""

WANTED = re.compile(
    r"\b(?:please|required?|requires|needed|needs?|must|first|missing|complete|bitte|zuerst|erforderlich|veuillez|d'abord|requis"
    r"|por\s+favor|primero|obligatori[oa]|per\s+favore|alstublieft|prosz[eę]|lütfen|пожалуйста|сначала|требуется)\b"
    r"|请|請|必须|必須|需要|ください|하세요|필요",
    re.IGNORECASE,
)
"""Matches where a text asks a person for something."""

SUCCESS = re.compile(
    r"\b(?:success(?:ful(?:ly)?)?|succeeded|passed|accepted|verified|correct|valid|solved|thanks?|thank\s+you|welcome|ok)\b"
    r"|成功|通过|通過|успешно|пройден|erfolgreich|성공",
    re.IGNORECASE,
)
"""Matches where a text says that something went well."""
