import { readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Dom0Layout } from '../../api/layout.ts';
import { messageOf } from '../../controller/message-of.ts';
import { HostError } from '../../controller/ports.ts';
import { isGone, namesIn, readSmallFile } from '../small-file.ts';

/** One place that says which devices pciback takes when it is loaded. */
export interface HideSetting {
  readonly where: 'cmdline' | 'modprobe' | 'module';
  /** In words: the file, or what else it is. */
  readonly source: string;
  /** The value of `hide`; empty for none. */
  readonly text: string;
}

/** Bytes of the kernel's command line and of a file of modprobe's with room to spare. */
const CMDLINE_MAX = 65_536;
const CONFIG_MAX = 1_048_576;
/** Where modprobe looks, best first (modprobe.d(5)); a file hides those of its name in the folders after it. */
const MODPROBE_FOLDERS = ['etc', 'run', 'usr/local/lib', 'usr/lib', 'lib'];

/**
 * What the running kernel was told, what modprobe tells the module, and what the module was told when it was loaded, each
 * where it says something.
 * @throws {HostError} Unreachable when one of them is there and cannot be read.
 */
export async function readHideSettings(layout: Dom0Layout): Promise<HideSetting[]> {
  const cmdline = (await readSmallFile(join(layout.procfs, 'cmdline'), CMDLINE_MAX)) ?? '';
  // Absent while the module is not loaded; "(null)" when it was loaded without.
  const loaded = await readSmallFile(join(layout.sysfs, 'module/xen_pciback/parameters/hide'), CONFIG_MAX);
  return [
    ...fromCmdline(cmdline),
    ...(await fromModprobe(layout.root)),
    ...(loaded === undefined
      ? []
      : [{ where: 'module', source: 'the loaded module', text: loaded.trim().replace('(null)', '') } as const]),
  ];
}

/** `pciback.hide` is what kernels before Linux 3.1 were told. The last one given counts. */
function fromCmdline(cmdline: string): HideSetting[] {
  return [/^"?xen[-_]pciback\.hide=(.*)$/, /^"?pciback\.hide=(.*)$/].flatMap(parameter => {
    const values = words(cmdline).flatMap(word => parameter.exec(word)?.[1] ?? []);
    const value = values.at(-1);
    if (value === undefined) return [];
    const name = parameter.source.includes('xen') ? 'xen-pciback.hide' : 'pciback.hide';
    return [{ where: 'cmdline', source: `${name} on the kernel's command line`, text: value.replaceAll('"', '') }];
  });
}

/** Words between spaces, which within double quotes do not part. */
function words(text: string): string[] {
  return text.match(/(?:"[^"]*"|[^\s"])+/g) ?? [];
}

async function fromModprobe(root: string): Promise<HideSetting[]> {
  const files = new Map<string, string>();
  for (const folder of MODPROBE_FOLDERS.map(name => join(root, name, 'modprobe.d'))) {
    for (const name of await namesIn(folder, '.conf')) if (!files.has(name)) files.set(name, join(folder, name));
  }
  const settings: HideSetting[] = [];
  for (const [, path] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const text = (await readSmallFile(path, CONFIG_MAX)) ?? '';
    for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
      const options = /^\s*options\s+xen[-_]pciback\s+(.*)$/.exec(line)?.[1];
      const value = words(options ?? '')
        .flatMap(word => /^hide=(.*)$/.exec(word)?.[1] ?? [])
        .at(-1);
      if (value !== undefined) settings.push({ where: 'modprobe', source: path, text: value.replaceAll('"', '') });
    }
  }
  // Of several, modprobe passes all on, and the kernel keeps the last.
  return settings.slice(-1);
}

/**
 * The kernel module that a driver of PCI devices is part of: `xhci_hcd` is in `xhci_pci`.
 * @returns the driver's own name where sysfs does not say, as for one that is not loaded or built in.
 */
export async function moduleOf({ sysfs }: Dom0Layout, driver: string): Promise<string> {
  try {
    return basename(await readlink(join(sysfs, 'bus/pci/drivers', driver, 'module')));
  } catch (error) {
    if (isGone(error)) return driver;
    throw new HostError('Unreachable', `cannot read the module of ${driver}: ${messageOf(error)}`, { cause: error });
  }
}
