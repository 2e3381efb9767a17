import { createHash } from 'node:crypto';
import { parseAddress } from '../../api/address.ts';
import type { DomainSpec, DomainType } from './domain.ts';

const SETTING = /^\s*([a-z_]+)\s*=\s*(.+?)\s*;?\s*$/;
const TYPES: ReadonlySet<string> = new Set(['pv', 'hvm', 'pvh']);

/**
 * Reads what the simulation needs of an `xl.cfg`: name, uuid, type, passthrough and pci; the rest is passed over.
 * @returns undefined when there is no name.
 */
export function parseXlConfig(text: string): DomainSpec | undefined {
  const settings = new Map<string, string>();
  for (const line of text.split(/[\n;]/)) {
    const match = SETTING.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) settings.set(match[1], match[2]);
  }
  const name = unquote(settings.get('name'));
  if (name === undefined || name === '') return undefined;
  const type = unquote(settings.get('type') ?? settings.get('builder')) ?? 'pv';
  const devices = (settings.get('pci') ?? '').matchAll(/["']([^"',]+)[^"']*["']/g);
  return {
    name,
    uuid: unquote(settings.get('uuid'))?.toLowerCase() ?? uuidFor(name),
    type: TYPES.has(type) ? (type as DomainType) : 'pv',
    passthrough: ['enabled', 'share_pt', 'sync_pt', '1'].includes(unquote(settings.get('passthrough')) ?? ''),
    devices: [...devices].map(([, bdf]) => parseAddress(bdf ?? '')).filter(address => address !== undefined),
  };
}

function unquote(text: string | undefined): string | undefined {
  return text?.replaceAll(/^["']|["']$/g, '');
}

/** xl makes a random one; a simulation that repeats is easier to read. */
function uuidFor(name: string): string {
  const digits = createHash('sha256').update(name).digest('hex');
  return [8, 12, 16, 20, 32].map((end, index, ends) => digits.slice(ends[index - 1] ?? 0, end)).join('-');
}
