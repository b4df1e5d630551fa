// The devices that people gave names to, for tables that show clients. Used by the queries and the live view.
import { useMemo } from '../../ui/html.js';
import { useApp } from '../../context.js';
import { useResource } from '../../ui/resource.js';
import { deviceFinder } from '../../lib/devices.js';

/** Names of devices change rarely. */
const EVERY_MS = 60_000;

/** All devices, and who has an address. Without the right to see them, clients are addresses. */
export function useDevices() {
  const { http } = useApp();
  const got = useResource('devices/all', async (signal) => {
    /** @type {any[]} */
    const all = [];
    let after = null;
    do {
      const { data } = await http.get('/clients', { params: { limit: 1000, after }, signal });
      all.push(...data.items);
      after = data.next ?? null;
    } while (after && all.length < 10_000);
    return all;
  }, { every: EVERY_MS });
  const devices = /** @type {{name: string, addresses?: string[], group?: string}[]} */ (got.data ?? []);
  const device = useMemo(() => deviceFinder(devices), [got.data]);
  return { devices, device };
}
