"""HTML of our pages: no script, no network, everything in the one file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from lamarr._version import __version__
from lamarr.tuning.campaign import Campaign
from lamarr.tuning.service import Service
from lamarr.tuning.tokens import Token
from lamarr.tuning.views import summary, working

__all__ = ["STYLE", "campaigns_page", "login_page", "number", "table"]

STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--accent:#0a5ea8}
@media (prefers-color-scheme:dark){:root{--accent:#7fb8f0}}
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:78rem;padding:1rem 1.2rem}
h1{font-size:1.5rem;margin:.4rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}
a{color:var(--accent)}header{display:flex;gap:1rem;align-items:baseline;flex-wrap:wrap}
header form{margin-left:auto}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:left;vertical-align:top;
border-bottom:1px solid var(--line)}th{font-weight:600}td.n,th.n{text-align:right;
font-variant-numeric:tabular-nums}tbody tr:hover{background:var(--soft)}
.muted{opacity:.7}.bad{color:#b3261e}code{font-size:.92em}
button,input{font:inherit;padding:.35rem .7rem}label{display:block;margin:.8rem 0 .2rem}
"""


def _page(title: str, body: str, refresh: int | None = None) -> str:
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">{again}'
        f"<style>{STYLE}</style></head><body>{body}</body></html>"
    )


def login_page(error: str | None = None) -> str:
    """Make the form that takes a token."""
    said = f'<p class="bad" role="alert">{escape(error)}</p>' if error else ""
    return _page(
        "Lamarr tuning: log in",
        f"""<main><h1>Lamarr tuning</h1>{said}<form method="post" action="/login">
<label for="token">Token</label><input id="token" name="token" type="password" size="40" required
autocomplete="current-password" autofocus> <button>Log in</button></form>
<p class="muted">A token is made on the server with <code>lamarr tune token create USER</code>.</p></main>""",
    )


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Make an HTML table; a head that starts with # is a number. Cells are text, or HTML from _raw."""
    numeric = [h.startswith("#") for h in head]
    cells = "".join(_cell("th", h.removeprefix("#"), n) for h, n in zip(head, numeric, strict=True))
    body = "".join(
        "<tr>" + "".join(_cell("td", c, n) for c, n in zip(row, numeric, strict=True)) + "</tr>"
        for row in rows
    )
    if not body:
        body = f'<tr><td colspan="{len(head)}" class="muted">none</td></tr>'
    return (
        f'<h2>{escape(caption)}</h2><div class="scroll"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


class _Raw(str):
    """HTML that is safe as it is."""


def _cell(tag: str, value: Any, numeric: bool) -> str:
    text = value if isinstance(value, _Raw) else escape("" if value is None else str(value))
    return f'<{tag} class="n">{text}</{tag}>' if numeric else f"<{tag}>{text}</{tag}>"


def number(value: Any) -> str:
    """Write a value with five significant digits where it is a real number."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def campaigns_page(service: Service, token: Token, *, dashboard: bool) -> str:
    """Make the page of campaigns: who works on what, trials per hour, the best so far, tokens."""
    campaigns = sorted(service.visible(token), key=lambda c: -c.created)
    names = {t.id: f"{t.user} ({t.id})" for t in service.tokens.all()}
    link = '<a href="/dashboard">Optuna dashboard</a>' if dashboard else ""
    body = (
        f'<header><h1>Campaigns</h1><span class="muted">{escape(token.user)}, scope {token.scopes}, '
        f'lamarr {escape(__version__)}</span>{link}<form method="post" action="/logout">'
        "<button>Log out</button></form></header><main>"
        + table("Campaigns", _CAMPAIGN_HEAD, [_campaign_row(service, c, dashboard) for c in campaigns])
        + table("Who works on what", _WORK_HEAD, _work_rows(service, campaigns, names))
        + table("Tokens", _TOKEN_HEAD, _token_rows(service, token))
        + "</main>"
    )
    return _page("Lamarr tuning: campaigns", body, refresh=15)


_CAMPAIGN_HEAD = (
    "Study",
    "Owner",
    "Strategy",
    "#Complete",
    "#Pruned",
    "#Failed",
    "#Running",
    "#In the last hour",
    "Best so far",
    "",
)
_WORK_HEAD = ("Study", "#Trial", "Worker", "Token of", "#Attempt", "#For", "#Last sign of life")
_TOKEN_HEAD = ("Token", "User", "Name", "Scope", "Expires", "Last used", "State")


def _campaign_row(service: Service, campaign: Campaign, dashboard: bool) -> list[Any]:
    d, s = campaign.definition, summary(service, campaign)
    count = s["trials"]
    best = "; ".join(
        ", ".join(number(v) for v in t["values"]) + f" (trial {t['number']})" for t in s["best"][:3]
    )
    links = f'<a href="/campaigns/{campaign.id}/report">report</a>'
    if dashboard:
        links += f' <a href="/dashboard/studies/{campaign.number}">dashboard</a>'
    constants = ", ".join(f"{k}={v}" for k, v in d.properties.items() if not str(v).startswith("optuna#"))
    shown = _Raw(f'{escape(d.name)}<br><small class="muted">{escape(constants[:200])}</small>')
    states = [count.get(k, 0) for k in ("complete", "pruned", "fail", "running")]
    strategy = f"{d.sampler.name}, pruner {d.pruner.name}" + (", closed" if d.settings.closed else "")
    return [shown, campaign.owner, strategy, *states, s["trials_last_hour"], best, _Raw(links)]


def _work_rows(service: Service, campaigns: Sequence[Campaign], names: dict[str, str]) -> list[list[Any]]:
    rows, now = [], time.time()
    for campaign in campaigns:
        for w in working(service, campaign)[:200]:
            since = _ago(now - w["since"]) if w["since"] else ""
            who = names.get(w["token"] or "", "")
            sign = _ago(w["silent"]) + " ago"
            name = campaign.definition.name
            rows.append([name, w["trial"], w["worker"], who, w["attempt"], since, sign])
    return rows


def _token_rows(service: Service, token: Token) -> list[list[Any]]:
    rows, now = [], time.time()
    for t in service.tokens.all():
        if not (token.sees_all or t.user == token.user):
            continue
        expired = t.expires is not None and t.expires <= now
        state = "revoked" if t.revoked else "expired" if expired else "valid"
        expires = "never" if t.expires is None else time.strftime("%Y-%m-%d", time.gmtime(t.expires))
        used = service.tokens.used.get(t.id, t.used)
        last = "never" if used is None else _ago(now - used) + " ago"
        rows.append([t.id, t.user, t.name, t.scopes, expires, last, state])
    return rows
