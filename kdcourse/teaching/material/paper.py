"""Pages of the pack as HTML that prints well: formulas drawn, nothing folded, no line of code cut."""

from html import escape

from kdcourse.teaching.material.markdown import to_html

_STYLE = """
@page { margin: 16mm 15mm; }
body { font: 10pt/1.4 "Source Sans 3", "Segoe UI", "DejaVu Sans", Arial, sans-serif; color: #111; }
h1 { font-size: 17pt; color: #0072B2; margin: 0 0 3mm; }
h2 { font-size: 13pt; color: #0072B2; border-bottom: 0.8pt solid #0072B2; margin: 7mm 0 2mm; }
h3 { font-size: 11pt; margin: 5mm 0 1.5mm; }
h1, h2, h3 { break-after: avoid; }
p, ul, ol { margin: 1.5mm 0; orphans: 3; widows: 3; }
blockquote { border-left: 2pt solid #E69F00; margin: 2mm 0; padding-left: 3mm; break-inside: avoid; }
pre { font: 8pt/1.35 "DejaVu Sans Mono", Consolas, Menlo, monospace; background: #f4f4f4; padding: 2mm;
  white-space: pre-wrap; overflow-wrap: anywhere; margin: 2mm 0; }
code { font-family: "DejaVu Sans Mono", Consolas, Menlo, monospace; font-size: 0.88em; }
pre code { font-size: 1em; }
p code, li code, td code { overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 2mm 0; font-size: 9pt; }
td, th { padding: 1mm 2mm; border-bottom: 0.4pt solid #bbb; text-align: left; vertical-align: top; }
thead { display: table-header-group; } tr { break-inside: avoid; }
.formula { margin: 2mm 0; text-align: center; break-inside: avoid; }
@media screen { body { max-width: 190mm; margin: 8mm auto; padding: 0 4mm; font-size: 11pt; } }
"""


def page(markdown: str) -> str:
    """A whole HTML page of markdown whose first line is `# Title`. It loads nothing from anywhere."""
    body = to_html(markdown).replace("<details>", "<details open>")
    title = markdown.split("\n", 1)[0].lstrip("# ")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1.0">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body>\n"
        "</html>\n"
    )
