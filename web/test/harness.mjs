// Starts the real server on a directory of its own, for tests, pictures and measurements:
// `const server = await startServer()`. The binary is `HEADWATER`, or what cargo has built.

import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { serve } from './serve.mjs';
import { startUpstream } from './upstream.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The first administrator. */
export const ADMIN = { user: 'admin', password: 'correct horse battery' };

/** How long anything may take on a machine that has other work. */
export const PATIENCE_MS = Number(process.env.PATIENCE_MS ?? 30_000);

/** The server to start. */
export function binary() {
  const found = [process.env.HEADWATER, join(root, 'target/debug/headwater'), join(root, 'target/release/headwater')]
    .find((path) => path && existsSync(path));
  if (!found) throw new Error('no server: build it with `cargo build`, or say where it is in HEADWATER');
  return resolve(found);
}

// A test run that is cut short takes its servers along.
if (process.env.NODE_TEST_CONTEXT) process.once('SIGTERM', () => process.exit(143));

/**
 * A port that is free for TCP and UDP: below those that the system gives to sockets that ask for any, or a connection
 * of somebody else could take it before the server does.
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000);
    const free = await new Promise((done) => {
      const listener = createServer();
      listener.on('error', () => done(false));
      listener.listen(port, '127.0.0.1', () => {
        const socket = createSocket('udp4');
        socket.on('error', () => listener.close(() => done(false)));
        socket.bind(port, '127.0.0.1', () => socket.close(() => listener.close(() => done(true))));
      });
    });
    if (free) return port;
  }
}

/**
 * Waits until something holds.
 * @template T
 * @param {string} what
 * @param {() => Promise<T> | T} look what is looked for; falsy or an error: not yet
 * @param {number} [patience]
 * @returns {Promise<T>}
 */
export async function until(what, look, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  let problem = '';
  while (Date.now() < end) {
    try {
      const found = await look();
      if (found) return found;
      problem = `last seen: ${String(found)}`;
    } catch (error) {
      problem = String(error);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`waited ${patience} ms for: ${what} (${problem})`);
}

/**
 * @typedef {object} Options
 * @property {string} [config] more of the configuration, as YAML with sections that are not here
 * @property {string} [blocking] the section `blocking`
 * @property {boolean} [fromDisk] pages from web/ instead of those in the binary
 */

/** @typedef {Awaited<ReturnType<typeof startServer>>} Server */

/** @param {{dns: number, web: number, upstream: number}} ports @param {Options} options */
function configuration({ dns, web, upstream }, { config = '', blocking = '' }) {
  return `server:
  name: ns1.example.org
  bind_address: ["127.0.0.1"]
  dns_port: ${dns}
  web_port: ${web}
  workers: 2
data_dir: data
upstream_servers: ["127.0.0.1:${upstream}"]
resolver:
  validate: false
  priming: false
  trust_anchor_update: false
  trust_anchor_signalling: false
  special_names: false
  query_timeout_ms: 2000
logging: { level: WARN, format: text }
${blocking ? `blocking:\n${blocking}` : ''}
${config}`;
}

/**
 * A server that is ready, with its administrator and a server that it forwards to.
 * @param {Options} [options]
 */
export async function startServer(options = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-web-'));
  const upstream = await startUpstream();
  const ports = { dns: await freePort(), web: await freePort(), upstream: upstream.port };
  writeFileSync(join(dir, 'headwater.yaml'), configuration(ports, options));
  for (const [name, text] of Object.entries(/** @type {any} */ (options).files ?? {})) writeFileSync(join(dir, name), /** @type {string} */ (text));
  const api = `http://127.0.0.1:${ports.web}`;
  let child = await launch(dir, api);
  const disk = options.fromDisk || process.env.WEB_FROM_DISK ? await serve({ api }) : null;
  const caller = createCaller(api);
  await caller.logIn();
  return {
    dir,
    api,
    /** Where pages are. */
    url: disk?.url ?? api,
    dnsPort: ports.dns,
    pid: () => child.pid,
    call: caller.call,
    cookie: caller.cookie,
    /** Ends the process without a word, as a crash does. */
    kill: () => end(child, 'SIGKILL'),
    /** Starts it again, on the same data and ports. */
    async start() {
      child = await launch(dir, api);
    },
    async stop() {
      await disk?.close();
      await end(child, 'SIGTERM');
      upstream.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** @param {string} dir @param {string} api */
async function launch(dir, api) {
  const child = spawn(binary(), ['serve', '--config', 'headwater.yaml'], {
    cwd: dir,
    env: { ...process.env, HEADWATER_ADMIN_PASSWORD: ADMIN.password },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said = (said + part).slice(-4000)));
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  process.once('exit', () => gone() || child.kill('SIGKILL'));
  await until('the server to be ready', async () => {
    if (gone()) return true;
    return (await fetch(`${api}/api/v1/health/ready`)).status < 600;
  });
  if (gone()) throw new Error(`the server ended:\n${said}`);
  return child;
}

/** @param {import('node:child_process').ChildProcess} child @param {NodeJS.Signals} signal @returns {Promise<void>} */
function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    child.once('exit', () => {
      clearTimeout(timer);
      done();
    });
    child.kill(signal);
  });
}

/** Calls of the API with a session of its own. @param {string} api */
export function createCaller(api) {
  let cookie = '';
  /**
   * @param {string} method
   * @param {string} path below /api/v1
   * @param {unknown} [body]
   * @param {{headers?: Record<string, string>, ok?: boolean}} [options] `ok: false`: also what fails is given back
   */
  async function call(method, path, body, { headers = {}, ok = true } = {}) {
    const text = typeof body === 'string';
    const response = await fetch(`${api}/api/v1${path}`, {
      method,
      headers: { 'X-Headwater': '1', cookie, ...(body === undefined || text ? {} : { 'Content-Type': 'application/json' }), ...headers },
      body: body === undefined ? undefined : text ? body : JSON.stringify(body),
    });
    const type = response.headers.get('content-type') ?? '';
    const data = /json/.test(type) ? await response.json() : await response.text();
    if (ok && !response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(data)}`);
    return { status: response.status, data, headers: response.headers };
  }
  return {
    call,
    cookie: () => cookie,
    /** @param {{user: string, password: string}} [who] */
    async logIn(who = ADMIN) {
      const { headers } = await call('POST', '/session', who);
      cookie = (headers.getSetCookie()[0] ?? '').split(';')[0];
    },
  };
}
