"""HTML and scripts that set `window.owned` where a page does not treat them as text."""

RUNS = "window.owned=1"
EVIL = (
    f'<img src=x onerror="{RUNS}"><script>{RUNS}</script><iframe srcdoc="<script>parent.{RUNS}</script>"></iframe>'
    f'"\'><details open ontoggle={RUNS}><a href="javascript:{RUNS}">click</a>{{{{{RUNS}}}}}${{{RUNS}}}</script>'
)
TITLE = f'<svg/onload="{RUNS}">'
ADDRESS = f"javascript:{RUNS}"
