/** What is wrong with the server or the session, above every page; each leads to its cause. */

import { useApp } from '../context.js';
import { time } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { href } from '../router.js';
import { Button, LinkButton } from '../ui/button.js';
import { html, signal, useEffect, useState } from '../ui/html.js';
import { Banner, Ticked } from '../ui/page.js';
import { CHECK_PAGE } from './health.js';
import { useSecondsUntil } from './topbar.js';

/** @typedef {import('./health.js').Check} Check */

/** Warnings that somebody has put away, until the page is loaded anew: name and since when. */
const away = signal(/** @type {string[]} */ ([]));

const SHOWN = 2;
const WARN_BEFORE_MS = 5 * 60_000;

/** @param {{outdated: boolean}} props `outdated`: the server has another version of these pages */
export function Banners({ outdated }) {
  const { health, session } = useApp();
  const lost = health.lostAt.value;
  const bad = (health.data.value?.checks ?? []).filter(({ state, name, since_ms: since }) => state !== 'ok' && !away.value.includes(`${name} ${since}`));
  bad.sort((one, other) => Number(other.state === 'fail') - Number(one.state === 'fail'));
  const shown = lost === null && session.can('read') ? bad.slice(0, SHOWN) : [];
  const more = lost === null && session.can('read') ? bad.length - shown.length : 0;
  const ending = useEnding();
  const lapsed = lost === null && session.lapsed.value;
  if (lost === null && shown.length === 0 && !outdated && !lapsed && ending === null) return null;
  return html`<div class="banners" role="region" aria-label=${t('shell.banners')}>
    ${lost !== null && html`<${Lost} since=${lost} />`}
    ${outdated && html`<${Banner} tone="info" title=${t('shell.outdated')} action=${html`<${Button} small label=${t('shell.reload')} onClick=${() => location.reload()} />`}>${t('shell.outdated_text')}</${Banner}>`}
    ${lapsed && html`<${Banner} tone="warn" title=${t('shell.login_again')} action=${html`<${Button} small label=${t('shell.session_extend')} onClick=${() => session.ask()} />`}>${t('shell.lapsed_text')}</${Banner}>`}
    ${ending !== null && !lapsed && html`<${Banner} tone="warn" title=${t('shell.session_ends', { time: time(ending) })} action=${html`<${Button} small label=${t('shell.session_extend')} onClick=${() => session.ask(true, 'extend')} />`}>${t('shell.session_ends_text')}</${Banner}>`}
    ${shown.map((check) => html`<${CheckBanner} key=${check.name} check=${check} />`)}
    ${more > 0 && html`<p class="banner-more"><a href=${href('system')}>${t('shell.checks_more', { n: more })}</a></p>`}
  </div>`;
}

/** @param {{since: number}} props */
function Lost({ since }) {
  const { live, health } = useApp();
  const seconds = useSecondsUntil(live.retryAt.value);
  const again = () => {
    health.reload();
    live.retry();
  };
  return html`<${Banner} tone="bad" title=${t('shell.lost', { time: time(since) })} action=${html`<${Button} small label=${t('shell.try_now')} onClick=${again} />`}>
    ${seconds ? t('shell.lost_text_in', { seconds }) : t('shell.lost_text')}</${Banner}>`;
}

/** @param {{check: Check}} props */
function CheckBanner({ check }) {
  const page = CHECK_PAGE[check.name] ?? 'system';
  const put = () => (away.value = [...away.peek(), `${check.name} ${check.since_ms}`]);
  const action = html`<${LinkButton} small href=${href(page)} label=${t('shell.check_open', { page: t(`shell.page.${page}`) })} />`;
  return html`<${Banner} tone=${check.state === 'fail' ? 'bad' : 'warn'} title=${check.reason ? html`<${Ticked} text=${check.reason} />` : t('shell.check_title', { name: check.name })} action=${action} onClose=${check.state === 'warn' ? put : undefined}>
    <span class="banner-advice"><${Ticked} text=${check.advice ?? ''} /></span></${Banner}>`;
}

/** When the session ends, if that is soon; null: it is not. */
function useEnding() {
  const { session } = useApp();
  const endsAt = session.me.value?.endsAt ?? null;
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (endsAt === null) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 20_000);
    return () => clearInterval(timer);
  }, [endsAt]);
  return endsAt !== null && endsAt > now && endsAt - now < WARN_BEFORE_MS ? endsAt : null;
}
