// Fills a server with what pages must cope with: zones with odd data, lists, devices, people, a history. Used by the tests
// and the pictures. `node web/test/seed.mjs` runs such a server until it is ended, with traffic, to look at by hand.

import { fileURLToPath } from 'node:url';

import { ADMIN, createCaller, startServer, until } from './harness.mjs';
import { lookUp } from './dns.mjs';
import { COMPANY, HOUSEHOLD, randomOf, sendTraffic } from './traffic.mjs';

/** A name of 253 characters, which is the longest there can be. */
export const LONG_NAME = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(49)}.example.org.`;

/** A device whose name has 60 characters. */
export const LONG_DEVICE = 'the-thermostat-and-heating-controller-in-the-hallway-upstairs';

/** A text of 4 kB. */
export const LONG_TEXT = `v=key; ${'0123456789abcdef'.repeat(256)}`.slice(0, 4096);

/** Names of lists, made up. @param {number} seed @param {number} count */
function names(seed, count) {
  const random = randomOf(seed);
  const part = () => ['ad', 'click', 'pix', 'trk', 'stat', 'beam', 'promo', 'tag'][Math.floor(random() * 8)] + Math.floor(random() * 1e6).toString(36);
  return Array.from({ length: count }, () => `${part()}.${part()}.example`);
}

/** Files of lists, by name. */
function lists() {
  const ads = ['bannerhouse.example', 'ads.adexchange.example', 'sync.adexchange.example', ...names(1, 4000)];
  const trackers = ['||metricmill.example^', '||telemetry.tvmaker.example^', '||log.tvmaker.example^', '||sync.adexchange.example^', '@@||login.metricmill.example^', ...names(2, 1500).map((name) => `||${name}^`)];
  return {
    'ads.txt': `# Names of advertisers\n${ads.join('\n')}\n`,
    'trackers.txt': `! Title: Trackers\n${trackers.join('\n')}\n`,
    'old.txt': `0.0.0.0 gone-1.example\n0.0.0.0 gone-2.example\n`,
    'kids.txt': 'feed.chatterly.example\nvidloop.example\n',
    'static.example.net.zone': '$TTL 1h\n@ SOA ns1 hostmaster 2025112001 2h 15m 2w 5m\n  NS ns1\nns1 A 192.0.2.53\nwww A 192.0.2.80\n',
  };
}

const BLOCKING = `  lists:
    - { name: Ads, file: ads.txt }
    - { name: Trackers, file: trackers.txt }
    - { name: "Hosts that nobody keeps any more", file: old.txt }
    - { name: Kids, file: kids.txt, groups: [kids] }
    - { name: Gone, url: "http://127.0.0.1:9/none.txt" }
  allow_internal: ["127.0.0.0/8"]
  rules:
    - "||old-tracker.example^"
`;

const CONFIG = `zones:
  - { name: static.example.net, file: static.example.net.zone }
groups:
  - { name: kids, lists: [Ads, Trackers, Kids] }
alerts:
  recipients:
    - { name: ops, url: "http://127.0.0.1:9/hook" }
`;

/** A server with everything in it. @param {import('./harness.mjs').Options & {traffic?: number}} [options] */
export async function startSeeded({ traffic = 3000, ...options } = {}) {
  const server = await startServer(/** @type {any} */ ({ ...options, blocking: BLOCKING, config: CONFIG, files: lists() }));
  await seedZones(server);
  await seedPolicy(server);
  await seedAccess(server);
  await until('a name to be blocked', async () => (await lookUp(server.dnsPort, 'pixel.bannerhouse.example')) === '0.0.0.0');
  if (traffic) await sendTraffic({ port: server.dnsPort, count: traffic });
  return server;
}

/** @param {import('./harness.mjs').Server} server */
async function seedZones({ call }) {
  const rrsets = [
    { name: '@', type: 'MX', ttl: 3600, records: ['10 mail.example.org.', '20 mail2.example.org.'] },
    { name: '@', type: 'A', records: ['192.0.2.80'] },
    { name: '@', type: 'AAAA', records: ['2001:db8::80'] },
    { name: '@', type: 'TXT', records: ['v=spf1 mx -all'] },
    { name: '@', type: 'CAA', records: ['0 issue "certhouse.example"'] },
    { name: 'www', type: 'A', ttl: 300, records: ['192.0.2.1'] },
    { name: 'www', type: 'AAAA', ttl: 300, records: ['2001:db8:0:1:ffff:ffff:ffff:fff1'] },
    { name: 'mail', type: 'A', records: ['192.0.2.25'] },
    { name: 'mail2', type: 'A', records: ['192.0.2.26'] },
    { name: '_https._tcp', type: 'SRV', records: ['10 60 443 www.example.org.'] },
    { name: 'shop', type: 'HTTPS', records: ['1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.7,192.0.2.8'] },
    { name: '_dns', type: 'SVCB', records: ['1 ns1.example.org. alpn=dot,doq port=853'] },
    { name: 'bücher', type: 'CNAME', records: ['shop.example.org.'] },
    { name: 'key._domainkey', type: 'TXT', records: [{ text: [LONG_TEXT] }] },
    { name: LONG_NAME, type: 'A', records: ['192.0.2.253'] },
    { name: 'odd', type: 'TYPE65280', records: [{ data: '000102030405060708090a0b0c0d0e0f' }] },
    { name: 'ns1', type: 'A', records: ['192.0.2.53'] },
    ...Array.from({ length: 40 }, (_, index) => ({ name: `host-${String(index + 1).padStart(3, '0')}`, type: 'A', ttl: 300, records: [`198.51.100.${index + 1}`] })),
  ];
  await call('POST', '/zones', { name: 'example.org', rrsets, nameservers: ['ns1.example.org.'] });
  await call('POST', '/zones', { name: 'bücher.example', nameservers: ['ns1.example.org.'] });
  await call('POST', '/zones', { name: '2.0.192.in-addr.arpa', nameservers: ['ns1.example.org.'], rrsets: [{ name: '1', type: 'PTR', records: ['www.example.org.'] }] });
  await call('POST', '/zones', { name: 'signed.example', nameservers: ['ns1.example.org.'], dnssec: 'default' });
  await call('POST', '/zones', { name: 'remote.example.com', kind: 'secondary', primaries: ['127.0.0.1:9'] });
  for (const index of [1, 2, 3, 4]) await call('POST', '/zones', { name: `customer${index}.example`, nameservers: ['ns1.example.org.'] });
  await call('PUT', '/zones/example.org/rrsets/www/A?why=move+the+site+to+the+new+host', { ttl: 300, records: ['192.0.2.7'] });
  await call('PUT', '/zones/example.org/rrsets/www/A', { ttl: 300, records: ['192.0.2.1'] });
  await call('PATCH', '/zones/example.org/rrsets?why=spring+cleaning', { changes: [
    { op: 'delete', name: 'host-040', type: 'A' },
    { op: 'replace', name: 'host-039', type: 'A', ttl: 600, records: ['198.51.100.239'] },
    { op: 'add', name: 'host-041', type: 'A', ttl: 300, records: ['198.51.100.41', '198.51.100.141'] },
  ] });
}

/** @param {import('./harness.mjs').Server} server */
async function seedPolicy({ call }) {
  // It is never in force while tests run, whatever time of day that is.
  const inHours = (/** @type {number} */ hours) => new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: 'Europe/Berlin' }).format(Date.now() + hours * 3_600_000);
  const night = { days: ['mon', 'tue', 'wed', 'thu', 'sun'], from: inHours(6), to: inHours(16), time_zone: 'Europe/Berlin', action: 'block_all' };
  await call('POST', '/groups', { name: 'guests and everybody else who only visits for a while', lists: ['Ads', 'Trackers'], safe_search: true, schedules: [night] });
  await call('POST', '/groups', { name: 'servers' });
  const group = (/** @type {string} */ name) => (name === 'kids-tablet' ? 'kids' : name === 'ben-phone' ? 'guests and everybody else who only visits for a while' : /^(mail-gateway|backup)/.test(name) ? 'servers' : '');
  for (const { device, address } of [...HOUSEHOLD, ...COMPANY]) {
    if (!device) continue;
    const more = device === 'anna-laptop' ? ['2001:db8:0:10::3', '2001:db8:0:10:aaaa:bbbb:cccc:dddd'] : [];
    await call('POST', '/clients', { name: device, addresses: [address, ...more], group: group(device) });
  }
  await call('POST', '/blocking/rules', { text: '||lightbulbs.example^', comment: 'Calls home every ten seconds' });
  await call('POST', '/blocking/rules', { text: '@@||pixel.bannerhouse.example^$client=anna-laptop', comment: 'Needed for the bank until they repair it', until_ms: Date.now() + 86_400_000 });
}

/** People beside the administrator. */
export const PEOPLE = [
  { name: 'anna', display_name: 'Anna Example', roles: ['operator'], password: 'anna has a long one' },
  { name: 'ben', display_name: 'Ben', roles: ['editor'], password: 'ben has a long one too' },
  { name: 'vera', display_name: 'Vera', roles: ['viewer'], password: 'vera only looks at it' },
];

/** @param {import('./harness.mjs').Server} server */
async function seedAccess({ call, api }) {
  for (const person of PEOPLE) await call('POST', '/users', person);
  await call('POST', '/roles', { name: 'certificates', grants: [{ zones: ['example.org'], names: ['_acme-challenge.*.example.org'], types: ['TXT'], verbs: ['update'] }] });
  await call('POST', '/tokens', { name: 'acme-on-the-mail-gateway', owner: 'admin', grants: [{ zones: ['example.org'], names: ['_acme-challenge.mail.example.org'], types: ['TXT'], verbs: ['update'], networks: ['10.0.0.0/8'], expires_ms: Date.now() + 90 * 86_400_000 }] });
  await call('POST', '/tsig-keys', { name: 'transfer.example.org' });
  const anna = createCaller(api);
  await anna.logIn({ user: 'anna', password: PEOPLE[0].password });
  await anna.call('PUT', '/zones/example.org/rrsets/mail2/A?why=new+mail+host', { ttl: 3600, records: ['192.0.2.27'] });
  await call('POST', '/backups');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await startSeeded({ fromDisk: true });
  console.log(`${server.url}/  user ${ADMIN.user}, password ${ADMIN.password}\nDNS on 127.0.0.1:${server.dnsPort}; Ctrl+C ends it`);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
  while (!stop.signal.aborted) await sendTraffic({ port: server.dnsPort, count: 5000, rate: 60, signal: stop.signal });
  await server.stop();
}
