/** xenstore as `xenstore-ls` shows it: independent of the product's own client. */
import { run, succeed } from './exec.ts';

/** All nodes below `path`, by their full path; empty if there is no such node. */
export async function listXenstore(path: string): Promise<ReadonlyMap<string, string>> {
  const { code, stdout, stderr } = await run('xenstore-ls', ['-f', path]);
  if (code !== 0 && !/No such file|couldn't read|could not access/i.test(stderr)) {
    throw new Error(`xenstore-ls ${path}: exit code ${code}\n${stderr}`);
  }
  const nodes = [...stdout.matchAll(/^(\S+) = "(.*)"$/gm)];
  return new Map(nodes.map(([, node = '', value = '']) => [node, value]));
}

/** One passed-through device as the backend of its domain has it. */
export interface BackendEntry {
  readonly address: string;
  /** Where a PV guest sees it, `0000:00:00.00`; undefined until pciback has put it there. */
  readonly vdev: string | undefined;
  readonly opts: string;
  /** Its own state; "3" when the guest can use it. */
  readonly state: string | undefined;
}

/** `/local/domain/0/backend/pci/<domid>/0`. */
export interface Backend {
  readonly domid: number;
  /** The bus's state: "4" connected, "7" and "8" while devices come and go. */
  readonly state: string | undefined;
  readonly entries: readonly BackendEntry[];
}

const BACKENDS = '/local/domain/0/backend/pci';

/** The PCI backends of all domains, those of domains that no longer exist included. */
export async function pciBackends(): Promise<readonly Backend[]> {
  const nodes = await listXenstore(BACKENDS);
  const domids = new Set([...nodes.keys()].map(node => node.slice(BACKENDS.length + 1).split('/')[0]));
  return [...domids].map(domid => {
    const value = (name: string): string | undefined => nodes.get(`${BACKENDS}/${domid}/0/${name}`);
    const count = Number(value('num_devs') ?? 0);
    const entries = Array.from({ length: count }, (_, n) => ({
      address: value(`dev-${n}`) ?? '',
      vdev: value(`vdev-${n}`),
      opts: value(`opts-${n}`) ?? '',
      state: value(`state-${n}`),
    }));
    return { domid: Number(domid), state: value('state'), entries };
  });
}

/**
 * The id of the existing domain whose backend has the device; undefined if there is none. An entry that is closing (5) or
 * closed (6) while the toolstack's mark names another domain, or none, is what a detach left behind.
 */
export async function holderOf(address: string): Promise<number | undefined> {
  const [backends, marked] = await Promise.all([pciBackends(), markOf(address)]);
  const has = ({ domid, entries }: Backend): boolean =>
    entries.some(entry => entry.address === address && (domid === marked || !['5', '6'].includes(entry.state ?? '')));
  for (const { domid } of backends.filter(has)) {
    if ((await run('xl', ['domname', String(domid)])).code === 0) return domid;
  }
  return undefined;
}

/** What the backend of a domain says about its devices, by address. Their numbers are left out: libxl renumbers them. */
export async function entriesOf(domid: number): Promise<ReadonlyMap<string, BackendEntry>> {
  const entries = (await pciBackends()).filter(backend => backend.domid === domid).flatMap(backend => backend.entries);
  return new Map(entries.map(entry => [entry.address, entry]));
}

/** Which domain the toolstack has marked as the user of a device, from `/libxl/pci`; undefined if none. */
export async function markOf(address: string): Promise<number | undefined> {
  const marks = await listXenstore('/libxl/pci');
  const domid = marks.get(`/libxl/pci/${address.replaceAll(/[:.]/g, '-')}/domid`);
  return domid === undefined ? undefined : Number(domid);
}

/** Removes the backend nodes of domains that no longer exist (libxl leaves some behind). */
export async function removeStaleBackends(): Promise<void> {
  for (const { domid } of await pciBackends()) {
    const alive = (await run('xl', ['domname', String(domid)])).code === 0;
    if (!alive) await succeed('xenstore-rm', [`${BACKENDS}/${domid}`]);
  }
}
