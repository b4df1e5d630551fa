// Pictures of every page, in both themes, at the widths of a phone and of a desk: `npm run shots -- [--out DIR] [--only NAME]`.
// Data and questions are the seeded ones, and nothing moves.

import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PAGES, PHONE, WIDE, openBrowser, openPage, settled, visit } from './browser.mjs';
import { startServer, until } from './harness.mjs';
import { startSeeded } from './seed.mjs';
import { sendTraffic } from './traffic.mjs';

/** @typedef {{name: string, route: string, before?: (page: import('playwright-core').Page) => Promise<unknown>, sizes?: {width: number, height: number}[], context?: object, font?: string}} Shot */

const VERY_WIDE = { width: 1920, height: 1080 };

/** @param {string} name @param {string} otherwise */
function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1] ?? otherwise;
}

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(option('out', join(here, '..', 'shots')));
const only = option('only', '');

/** What there is besides plain pages. @param {string} query @param {string} blocked @returns {Shot[]} */
const more = (query, blocked) => [
  { name: 'live-paused', route: '#/live', before: async (page) => { await page.keyboard.press('Space'); await page.getByText('Paused by you').waitFor(); } },
  { name: 'query', route: `#/queries?id=${query}` },
  { name: 'query-blocked', route: `#/queries?filter=action:blocked&id=${blocked}` },
  { name: 'query-blocked-now', route: `#/queries?filter=action:blocked&id=${blocked}`, before: (page) => page.getByRole('tab', { name: 'Now' }).click() },
  { name: 'queries-none', route: '#/queries?filter=name:nothing.like.this.example' },
  { name: 'zone-editor', route: '#/zones/example.org./records?edit=www.example.org./A' },
  { name: 'zone-editor-svcb', route: '#/zones/example.org./records?edit=_dns.example.org./SVCB' },
  { name: 'zone-editor-text', route: '#/zones/example.org./records?edit=key._domainkey.example.org./TXT' },
  { name: 'zone-new-record', route: '#/zones/example.org./records?edit=%2B' },
  { name: 'zone-file', route: '#/zones/static.example.net./records' },
  { name: 'zone-as-of', route: '#/zones/example.org./records?serial=1' },
  { name: 'zone-diff', route: '#/zones/example.org./history', before: (page) => page.locator('main .timeline-actions button').first().click() },
  { name: 'zone-revert', route: '#/zones/example.org./history', before: (page) => page.getByRole('button', { name: 'Revert' }).first().click() },
  { name: 'zones-new', route: '#/zones?new=primary', before: (page) => page.getByRole('dialog').getByLabel(/Name of the zone/).fill('new.example') },
  { name: 'zones-import', route: '#/zones?new=import' },
  { name: 'pause-menu', route: '#/zones', before: (page) => page.getByRole('button', { name: /^Blocking: on/ }).click() },
  { name: 'palette', route: '#/zones', before: async (page) => { await page.keyboard.press('Control+k'); await page.getByRole('dialog').getByRole('combobox').fill('ex'); } },
  { name: 'help', route: '#/zones', before: (page) => page.keyboard.press('?') },
  { name: 'user-menu', route: '#/zones', before: (page) => page.getByRole('button', { name: /^Account and settings/ }).click() },
];

/** Tabs of pages, opened by their word. @type {[string, string, string][]} */
const TABS = [
  ['blocking', '#/blocking', 'Rules'], ['blocking', '#/blocking', 'Check'], ['clients', '#/clients', 'Groups'],
  ['config', '#/config', 'Text'], ['config', '#/config', 'History'], ['access', '#/access', 'Roles'], ['access', '#/access', 'Tokens'], ['alerts', '#/alerts', 'Rules'],
];

/** @returns {Shot[]} */
const tabs = () => TABS.map(([page, route, word]) => ({
  name: `${page}-${word.toLowerCase()}`,
  route,
  before: async (opened) => {
    const tab = opened.locator('main').getByRole('tab', { name: word }).or(opened.locator('main .tabs').getByRole('link', { name: word })).first();
    if ((await tab.count()) > 0) await tab.click();
  },
}));

/** Two records that are edited and not committed. @type {Shot[]} */
const DRAFT = [
  { name: 'zone-draft', route: '#/zones/example.org./records' },
  { name: 'zone-review', route: '#/zones/example.org./records?review=1' },
];

let count = 0;

/**
 * @param {import('playwright-core').Browser} browser
 * @param {import('./harness.mjs').Server} server
 * @param {Shot[]} shots
 * @param {{theme: 'light'|'dark', size: {width: number, height: number}, suffix?: string, context?: object, font?: string, who?: null}} how
 */
async function shoot(browser, server, shots, { theme, size, suffix = '', context, font, who }) {
  const wanted = shots.filter(({ name }) => !only || name === only);
  if (wanted.length === 0) return;
  const page = await openPage(browser, server, { theme, size, touch: size.width < 600, context, who, failing: true });
  for (const { name, route, before } of wanted) {
    const path = join(out, `${name}-${theme}-${size.width}${suffix}.png`);
    try {
      if (who === null) await page.goto(`${server.url}/${route}`);
      else await visit(page, server, route);
      if (font) await page.evaluate((wish) => { document.documentElement.style.fontSize = wish; }, font);
      await before?.(page);
      if (who !== null) await settled(page, who === undefined ? 'main' : 'body');
      // The heading has the focus after a change of pages: true for whoever uses keys, and in the way of who looks at pictures.
      await page.evaluate(() => {
        scrollTo(0, 0);
        const { activeElement } = document;
        if (activeElement instanceof HTMLElement && /^H[12]$/.test(activeElement.tagName)) activeElement.blur();
      });
      if (/^live/.test(name)) await until('figures', async () => (await page.locator('.stream-row').count()) > 5, 8000).catch(() => {});
      await page.screenshot({ path, animations: 'disabled', caret: 'hide' });
      count += 1;
    } catch (error) {
      console.error(`${path}: ${error instanceof Error ? error.message.split('\n')[0] : error}`);
      process.exitCode = 1;
    }
    // What lies over the page goes with the page.
    if (before || /[?&](id|edit|new|review|explain)=/.test(route)) await page.goto('about:blank');
  }
  await page.close();
}

mkdirSync(out, { recursive: true });
const [server, empty, browser] = await Promise.all([startSeeded({ traffic: 0 }), startServer(), openBrowser()]);
const stop = new AbortController();
const noise = (async () => {
  for (let seed = 1; !stop.signal.aborted; seed += 1) await sendTraffic({ port: server.dnsPort, count: 4000, rate: 60, sway: 0.6, seed, signal: stop.signal });
})();
try {
  // A minute of figures makes charts, if there is the time.
  await new Promise((done) => setTimeout(done, Number(option('warm', '75')) * 1000));
  const pick = async (/** @type {string} */ filter) => (await server.call('GET', `/queries?limit=1&filter=${encodeURIComponent(filter)}`)).data.items[0].request_id;
  const shots = [...PAGES, ...more(await pick('source:resolved'), await pick('action:blocked')), ...tabs()];
  for (const theme of /** @type {const} */ (['light', 'dark'])) {
    for (const size of [PHONE, WIDE]) {
      await shoot(browser, server, shots, { theme, size });
      await shoot(browser, server, [{ name: 'login', route: '' }], { theme, size, who: null });
      await shoot(browser, empty, [{ name: 'first-run', route: '#/live' }, ...PAGES.filter(({ route }) => !route.startsWith('#/zones/')).slice(1).map(({ name, route }) => ({ name: `empty-${name}`, route }))], { theme, size });
    }
    await shoot(browser, server, PAGES.filter(({ name }) => name === 'live' || name === 'zone'), { theme, size: VERY_WIDE });
    await shoot(browser, server, PAGES.filter(({ name }) => name === 'queries'), { theme, size: WIDE, suffix: '-forced', context: { forcedColors: 'active' } });
    await shoot(browser, server, PAGES.filter(({ name }) => name === 'queries'), { theme, size: WIDE, suffix: '-text200', font: '200%' });
  }
  await server.call('POST', '/drafts', { name: 'example.org.', zones: [{ zone: 'example.org.', action: 'edit', changes: [
    { op: 'replace', name: 'www.example.org.', type: 'A', ttl: 300, records: ['192.0.2.99'] }, { op: 'delete', name: 'host-001.example.org.', type: 'A' }, { op: 'replace', name: 'new-host.example.org.', type: 'A', ttl: 3600, records: ['192.0.2.98'] }] }] });
  for (const theme of /** @type {const} */ (['light', 'dark'])) for (const size of [PHONE, WIDE]) await shoot(browser, server, DRAFT, { theme, size });
} finally {
  stop.abort();
  await noise;
  await browser.close();
  await Promise.all([server.stop(), empty.stop()]);
}
console.log(`${count} pictures in ${out}`);
process.exit(process.exitCode ?? 0);
