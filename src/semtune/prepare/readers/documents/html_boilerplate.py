"""What stands on web pages and is no part of their text: navigation, consent bars, boxes to subscribe and to share.

Names are those that the makers of these parts use. Where a name could also be content's ("cookie-notice" may be a section of a
manual), what bears it is left out only if it is small and no heading of the page stands in it.
"""

from __future__ import annotations

import re
from typing import Any

MAX_SMALL = 1_500  # characters of a consent bar or a box
MAX_ICON = 20  # characters of what is hidden from screen readers; more may be content that a script shows
_PARTS = (
    "script, style, noscript, template, svg, iframe, object, canvas, nav, header, footer, aside, form, button, dialog, "
    "[role=navigation], [role=search], [role=banner], [role=contentinfo], [hidden], "
    ".headerlink, .sphinxsidebar, .related, .breadcrumbs, .toctree-wrapper, .viewcode-link, .viewcode-back, "
    ".navheader, .navfooter, .docnav"
)
_CONSENT = (  # OneTrust, Cookiebot, CookieYes, Osano, Quantcast, Didomi, Usercentrics, TrustArc, Complianz and others
    "#onetrust-consent-sdk, #onetrust-banner-sdk, #onetrust-pc-sdk, .optanon-alert-box-wrapper, "
    "#CybotCookiebotDialog, #CookiebotWidget, .cky-consent-container, .cky-consent-bar, .cky-modal, "
    ".cky-btn-revisit-wrapper, #cookie-law-info-bar, #cookie-law-info-again, .cli-modal, .osano-cm-window, "
    ".osano-cm-dialog, .cc-window, .cc-revoke, .qc-cmp2-container, .qc-cmp-ui-container, #didomi-host, #didomi-popup, "
    "#didomi-notice, #usercentrics-root, #usercentrics-cmp-ui, #uc-banner-modal, #truste-consent-track, "
    "#consent_blackbar, .truste_box_overlay, #cmplz-cookiebanner-container, .cmplz-cookiebanner, #BorlabsCookieBox, "
    "#iubenda-cs-banner, .klaro .cookie-modal, .klaro .cookie-notice, #tarteaucitronRoot, .termly-styles-root, "
    "[id^=sp_message_container], .fc-consent-root, #axeptio_overlay, #moove_gdpr_cookie_info_bar, .govuk-cookie-banner"
)
_WIDGETS = (
    ".skip-link, .skip-links, .skiplink, .skip-nav, .skip-to-content, .skip-to-main, .skip-to-main-content, "
    "a.screen-reader-text[href^='#'], .sharedaddy, .addtoany_share_save_container, .a2a_kit, .addthis_toolbox, "
    ".sharethis-inline-share-buttons, .share-buttons, .social-share, .share-bar, .share-links, .back-to-top, "
    "#back-to-top, .backtotop, .scroll-to-top, .edit-this-page, .edit-page-link, .theme-edit-this-page, "
    ".edit-on-github, .mw-editsection, #mc_embed_signup, .hash-link, .anchorjs-link"
)
_BOXES = [f"cookie{s}{join}{what}" for s in ("", "s") for join in ("-", "_", "") for what in (
    "banner", "bar", "consent", "notice", "popup", "modal", "overlay", "disclaimer", "message", "warning", "alert",
)]  # fmt: skip
_BOXES += ["gdpr-banner", "consent-banner", "privacy-banner", "newsletter", "newsletter-signup", "newsletter-form"]
_BOXES += ["newsletter-box", "subscribe-box", "subscribe-form", "email-signup"]
_BOX_NAMES = ", ".join(f"[id='{name}' i], [class~='{name}' i]" for name in _BOXES)
_DIALOGS = "[role=dialog], [role=alertdialog], [aria-modal=true], [aria-label*='cookie' i]"
_MAYBE = re.compile("cookie|consent|gdpr|privacy-banner|newsletter|subscribe-|email-signup", re.IGNORECASE)
# Not left out: style="display:none". SQLite's pages hide headings and diagrams so, which a script or a click shows.
_HIDDEN = "[aria-hidden=true]"
_CONTENT_TAGS = "html body main article section h1 h2 h3 h4 h5 h6 a dt dd td"  # whose names say what they tell of
_CONTENT = frozenset(_CONTENT_TAGS.split())
_ALONE = (  # lines that are nothing but a link of the page's frame
    "skip to main content|skip to content|skip navigation|skip to navigation|skip to search|jump to content|"
    "jump to navigation|back to top|go to top|return to top|scroll to top|to top|edit this page|"
    "edit this page on github|edit on github|edit on gitlab|edit this section|improve this page|suggest an edit|"
    "report an issue with this page|view page source|share this page|share this article|copy link|print this page|"
    "was this page helpful?|accept all cookies|reject all cookies|cookie settings|zum inhalt springen|nach oben|"
    "seite bearbeiten|diese seite bearbeiten|aller au contenu|haut de page|retour en haut|modifier cette page|"
    "saltar al contenido|ir al contenido|volver arriba|editar esta página|ページの先頭へ|このページを編集|回到顶部|编辑此页"
)
ALONE = frozenset(_ALONE.split("|"))
DROPPED = f"{_PARTS}, {_CONSENT}, {_WIDGETS}"


def find_clutter(tree: Any, source: str) -> set[int]:
    """The `mem_id` of each node of a selectolax tree that is left out with all below it; `source` is the page's."""
    found = {node.mem_id for node in tree.css(DROPPED)}
    small = f"{_DIALOGS}, {_BOX_NAMES}" if _MAYBE.search(source) else _DIALOGS  # so many names cost a quarter of all
    found.update(node.mem_id for node in tree.css(small) if _is_box(node))
    found.update(node.mem_id for node in tree.css(_HIDDEN) if len(node.text()) <= MAX_ICON)
    return found


def is_alone(line: str) -> bool:
    """Whether a line is nothing but a link of the page's frame, such as "Back to top"."""
    return len(line) < 50 and line.casefold().strip(" ↑⬆^✎»›←→[]") in ALONE


def _is_box(node: Any) -> bool:
    if node.tag in _CONTENT or "section" in (node.attributes.get("class") or "").split():
        return False
    return len(node.text()) <= MAX_SMALL and node.css_first("main, article, h1, [role=tabpanel]") is None
