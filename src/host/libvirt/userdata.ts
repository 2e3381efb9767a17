import { join } from 'node:path';
import type { ObservedDomain } from '../../plan/observed.ts';
import { readSmallFile } from '../small-file.ts';
import { readDefinition } from './definition.ts';
import { XmlError } from './xml.ts';

/** Bytes of the largest userdata file that is read. */
const FILE_MAX = 1_048_576;

/** The running instance whose userdata is asked for. */
export interface Instance {
  readonly domid: number;
  readonly uuid: string;
  readonly toolstack: ObservedDomain['toolstack'];
}

/**
 * Whether a running instance was created with PCI passthrough, by what libxl keeps about it: `libvirt-xml`, the
 * definition that libvirt started it with, and `libxl-json`, libxl's own form. There `c_info.passthrough` is only
 * written when it was asked for: a domain that was created with a device has passthrough although nothing says so, and
 * `pcidevs` changes with every attach (seen on Xen 4.17).
 * @param folder where libxl keeps its userdata.
 * @throws {HostError} Unreachable when a file is there and cannot be read.
 */
export async function createdWithPassthrough(
  folder: string,
  { domid, uuid, toolstack }: Instance,
): Promise<ObservedDomain['passthrough']> {
  const file = (kind: string): string => join(folder, `userdata-d.${domid}.${uuid}.${kind}`);
  const [definition, json] = await Promise.all([
    readSmallFile(file('libvirt-xml'), FILE_MAX),
    readSmallFile(file('libxl-json'), FILE_MAX),
  ]);
  const started = definition === undefined ? undefined : startedWith(definition);
  if (started !== undefined) return started;
  const config = json === undefined ? undefined : configOf(json);
  if (config === undefined) return 'unknown';
  if (config.passthrough !== undefined) return ON.has(config.passthrough) ? 'on' : 'off';
  if (config.hasDevices) return 'on';
  return toolstack === 'libvirt' ? 'off' : 'unknown';
}

/** libxl_passthrough in tools/libs/light/libxl_types.idl; the rest are `default` and `disabled`. */
const ON: ReadonlySet<unknown> = new Set(['enabled', 'sync_pt', 'share_pt']);

function startedWith(xml: string): 'on' | 'off' | undefined {
  try {
    const { passthrough, hostdevs } = readDefinition(xml);
    return passthrough || hostdevs.length > 0 ? 'on' : 'off';
  } catch (error) {
    if (error instanceof XmlError) return undefined;
    throw error;
  }
}

function configOf(text: string): { readonly passthrough: unknown; readonly hasDevices: boolean } | undefined {
  const config = parseJson(text);
  const info = property(config, 'c_info');
  if (typeof info !== 'object') return undefined;
  const devices = property(config, 'pcidevs');
  return { passthrough: property(info, 'passthrough'), hasDevices: Array.isArray(devices) && devices.length > 0 };
}

function parseJson(text: string): unknown {
  try {
    // libxl writes the terminating NUL of its string, too.
    return JSON.parse(text.replace(/\0+\s*$/, ''));
  } catch {
    // Half-written or of a form we do not know: then it says nothing.
    return undefined;
  }
}

function property(object: unknown, name: string): unknown {
  if (typeof object !== 'object' || object === null || !Object.hasOwn(object, name)) return undefined;
  return (object as Record<string, unknown>)[name];
}
