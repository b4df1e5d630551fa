// Serves web/ from disk at the URLs of the server, and passes the API on to one, WebSockets included, so that pages can
// be tried without a build: `node web/test/serve.mjs --api http://127.0.0.1:8080 --port 5173`.

import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { dirname, extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const web = join(dirname(fileURLToPath(import.meta.url)), '..');

/** What the server sends with pages. */
export const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
  + "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
};

const PASSED = /^\/(api|ws|health|metrics|status|nic|update|dns-query)\b/;

/**
 * @param {{api: string, port?: number, host?: string, prefix?: string}} options
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export function serve({ api, port = 0, host = '127.0.0.1' }) {
  const target = new URL(api);
  const server = createServer((req, res) => {
    const path = new URL(req.url ?? '/', 'http://x').pathname;
    if (PASSED.test(path)) pass(target, req, res);
    else file(path, res);
  });
  server.on('upgrade', (req, socket, head) => upgrade(target, req, socket, head));
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, host, () => {
      const { port: bound } = /** @type {import('node:net').AddressInfo} */ (server.address());
      const close = () => new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done(undefined));
      });
      resolve({ url: `http://${host}:${bound}`, close: /** @type {() => Promise<void>} */ (close) });
    });
  });
}

/** @param {string} path @param {import('node:http').ServerResponse} res */
function file(path, res) {
  const relative = path === '/' ? 'index.html' : path.replace(/^\/ui\/[^/]+\//, '');
  const full = normalize(join(web, relative));
  const inside = full.startsWith(web + sep) && !/[\\/](node_modules|test|tools)[\\/]/.test(full.slice(web.length));
  const known = path === '/' || path.startsWith('/ui/') || path === '/favicon.svg';
  if (!inside || !known || !existsSync(full) || !statSync(full).isFile()) {
    res.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found\n');
    return;
  }
  res.writeHead(200, {
    'Content-Type': TYPES[/** @type {keyof typeof TYPES} */ (extname(full))] ?? 'application/octet-stream',
    'Cache-Control': 'no-cache',
    'Content-Security-Policy': CSP,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
  });
  if (relative === 'index.html') res.end(readFileSync(full, 'utf8').replaceAll('{{hash}}', 'dev'));
  else createReadStream(full).pipe(res);
}

/**
 * @param {URL} target
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 */
function pass(target, req, res) {
  const { hostname, port } = target;
  const out = request({ hostname, port, method: req.method, path: req.url, headers: req.headers }, (answer) => {
    res.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(res);
  });
  out.on('error', () => {
    // As if there were no server at all: pages must cope with that.
    res.destroy();
  });
  res.on('close', () => out.destroy());
  req.pipe(out);
}

/**
 * @param {URL} target
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:stream').Duplex} socket
 * @param {Buffer} head
 */
function upgrade(target, req, socket, head) {
  const out = connect(Number(target.port), target.hostname, () => {
    const lines = [`${req.method} ${req.url} HTTP/1.1`];
    for (let index = 0; index < req.rawHeaders.length; index += 2) lines.push(`${req.rawHeaders[index]}: ${req.rawHeaders[index + 1]}`);
    out.write(`${lines.join('\r\n')}\r\n\r\n`);
    out.write(head);
    out.pipe(socket);
    socket.pipe(out);
  });
  out.on('error', () => socket.destroy());
  socket.on('error', () => out.destroy());
  socket.on('close', () => out.destroy());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (/** @type {string} */ name, /** @type {string} */ otherwise) => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? otherwise : process.argv[at + 1] ?? otherwise;
  };
  const { url } = await serve({ api: option('api', 'http://127.0.0.1:8080'), port: Number(option('port', '5173')) });
  console.log(`dashboard at ${url}/`);
}
