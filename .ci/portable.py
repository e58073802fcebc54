"""What commands and scripts for users must not use, because macOS does not have it."""

import re

# Options, and whole programs, that the BSD programs of macOS lack; and what its bash 3.2 lacks.
GNU = {
    "xargs": r"\s(--\w|-\w*[rd])",
    "(sha[0-9]+|md5)sum": r"(?!.*\bshasum\b)",
    "sed": r"\s(-\w*i|--\w)",
    "date": r"(\s(-\w*d|--\w|-I)|.*%N)",
    "base64": r"\s-\w*[wdD]",
    "grep": r"\s(-\w*P|--perl)",
    "find": r"\s-(printf|regextype)",
    "readlink|realpath|stat|install": r"\s-",
    "cat|chmod|cp|cut|du|head|ln|ls|mkdir|mktemp|mv|rm|sort|tail|touch|tr|uniq|wc": r"\s--\w",
    "flock|nproc|setsid|ss|tac|timeout|unshare|mapfile|readarray|coproc": "",
    "wait": r"\s-n",
    "declare|local|typeset": r"\s-\w*[An]",
}
PATTERNS = [rf"(?:^|[|;&(`]|\b(?:do|then|else|if|while|until|!|sudo|exec))\s*\b({name})\b[^|;&]*?{option}" for name, option in GNU.items()]
PATTERNS += [r"\$\{\w+(,|\^|@\w)", r"\[\[ -v ", r"&>>|\|&|;;?&(\s|$)"]


def not_on_macos(text):
    """The first part of a text for the shell that uses what macOS lacks, or None. Comments do not count."""
    text = re.sub(r"^\s*#.*|\s# .*", "", text.replace("\\\n", " "), flags=re.MULTILINE)
    found = (re.search(pattern, line) for line in text.splitlines() for pattern in PATTERNS)
    return next((match[0].strip() for match in found if match), None)
