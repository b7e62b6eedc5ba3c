"""Markdown as people write it: no mark-up is left in what is embedded, and no word is lost."""

import re

import pytest

from semtune.prepare.readers.documents.markdown import read_markdown
from semtune.prepare.readers.documents.markdown.blocks import MAX_INLINE
from semtune.prepare.readers.documents.outline_types import Link, Term, links_of

KILN = """---
title: Setting up the kiln
tags: [pottery, heat]
---

Sweep the **kiln** before _each_ firing.<br>Look at the `door` seal.

```bash
# a comment, not a heading
kilnctl --warm **200**
```

Kiln Setext Title
=================

| Cone | Temperature | Hold<br>time |
|------|-------------|------|
| 06   | 999 °C      | **10** min |
| [6](six.md) | | 15 min |

- [ ] sweep the floor
- [x] check the seal
   1. from *below*
   2. from above

> A quoted warning: glaze drips.

<details><summary>Why is the glaze crawling?</summary>

Because the pot was **dusty**.

</details>

See [the manual][1], <https://example.org/a> and ![a picture](x.png "Title of picture").

[1]: https://example.org/kiln
[pots]: ../pots.md 'All pots'

Footnote here[^1].

[^1]: Old cones are not reliable.
"""


def test_nothing_but_words_and_code_is_left():
    title, top, question = "Setting up the kiln", "Kiln Setext Title", "Why is the glaze crawling?"
    found = read_markdown(KILN)
    assert found == [
        (
            (title,),
            "Sweep the kiln before each firing.\nLook at the door seal.\n\n"
            "```bash\n# a comment, not a heading\nkilnctl --warm **200**\n```",
        ),
        (
            (title, top),
            "- Cone: 06; Temperature: 999 °C; Hold time: 10 min\n- Cone: 6; Hold time: 15 min\n\n"
            "- sweep the floor\n- check the seal\n   1. from below\n   2. from above\n\nA quoted warning: glaze drips.",
        ),
        ((title, top, question), "Because the pot was dusty."),
        (
            (title, top),
            "See the manual, https://example.org/a and a picture.\n\nFootnote here.\n\nOld cones are not reliable.",
        ),
    ]
    assert type(found[2][0][-1]) is Term
    assert links_of(found[1][1]) == (Link("6", "six.md"),)
    assert links_of(found[3][1])[0] == Link("the manual", "https://example.org/kiln")


def test_toml_front_matter_and_attributes():
    text = (
        "+++\ntitle = 'Loom maintenance'\nweight = 3\n+++\n\n# Loom maintenance\n\nOil the [treadles](a.md){target=_blank}.\n"
        "\n## Storing the loom {#storing .unlisted}\n\n{.note}\nKeep it `dry`{.x} {: #dry }\n\n### Use of {braces}\n\nSet {a: 1}."
    )
    assert read_markdown(text) == [
        (("Loom maintenance",), "Oil the treadles."),
        (("Loom maintenance", "Storing the loom"), "Keep it dry"),
        (("Loom maintenance", "Storing the loom", "Use of {braces}"), "Set {a: 1}."),
    ]


def test_html_in_markdown():
    text = (
        '<h1 align="center">The <em>tool</em></h1>\n<p align="center"><img src="x.png" alt="Logo">\n'
        '<a href="doc.md">Read this</a></p>\n\nRun `make` &amp; clone <url>, <sub>then</sub> wait.<!-- never\nseen -->\n\n'
        "<!--\nnor\n\nthis\n-->\n\n<script>\nlet a = 1\n</script>\n\n<table><tr><td>a</td><td>1</td></tr>\n"
        "<tr><td>b</td><td>2</td></tr></table>\n\n<ul>\n<li>one</li><li>two</li>\n</ul>\n\n<pre>\nx  = 1\n</pre>\n"
    )
    ((path, body),) = read_markdown(text)
    assert path == ("The tool",)
    assert body == (
        "Logo Read this\n\nRun make & clone <url>, then wait.\n\na | 1\nb | 2\n\n- one\n- two\n\n    x  = 1"
    )
    assert links_of(body) == (Link("Read this", "doc.md"),)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("**强调：**文字很重要。", "强调：文字很重要。"),  # CommonMark sees no bold here
        ("a **b *c* d** ~~e~~ __f__ snake_case 2 * 3 * 4", "a b c d e f snake_case 2 * 3 * 4"),
        (r"\*not bold\* and \# no heading", "*not bold* and # no heading"),
        ("call `f(**kwargs)` or ``a ` b``", "call f(**kwargs) or a ` b"),
        ("[x](javascript:y) [a\nb](c.md)", "x a\nb"),
        ("* one\n* two\n\n  more of two\n+ three", "- one\n- two\n\n  more of two\n- three"),
        ("1) one\n2) two", "1) one\n2) two"),
        ("a\n\n***\n\nb", "a\n\nb"),
        ("| a | b |\n|---|---|", "- a; b"),
        ("> # Quoted\n> - item", "Quoted\n- item"),
        ("", ""),
    ],
)
def test_inline_marks(text, plain):
    assert "\n".join(body for _, body in read_markdown(text)) == plain


def test_questions_in_bold_and_their_links():
    text = "# FAQ\n**Why [so](a.md) hot?**\nIt is a kiln.\n\n**Is it safe**?\n\nYes.\n\n- **Is this one?**\n\nA **bold end?**"
    found = read_markdown(text)
    assert [(path[1:], str(body)) for path, body in found] == [
        (("Why so hot?",), "It is a kiln."),
        (("Is it safe?",), "Yes.\n\n- Is this one?\n\nA bold end?"),
    ]
    assert links_of(found[0][1]) == (Link("so", "a.md"),)


@pytest.mark.parametrize(
    "text",
    [
        "> " * 5_000 + "Down here.",
        "".join("  " * depth + "- x\n" for depth in range(500)),
        "[" * 50_000,
        "![" * 20_000,
        "**a " * 20_000,
        "*a **b " * 5_000 + "c** d*" * 5_000,
        "*a **b " * 1_300 + "c** d*" * 1_300,
        "<!-- " * 20_000,
        "a ![b](c){#d}" * 10_000,
        "a " + "`" * 50_000,
    ],
    ids=range(10),
)
@pytest.mark.timeout(60)
def test_noise_is_read_in_time(text):
    assert sum(len(re.findall(r"\S", body)) for _, body in read_markdown(text)) <= len(text)


def test_a_paragraph_that_is_too_long_keeps_its_marks():
    text = "*some* words " * (MAX_INLINE // 10)
    assert read_markdown(text) == [((), text.rstrip())]
    assert read_markdown(text[:1300]) == [((), text[:1300].rstrip().replace("*", ""))]
