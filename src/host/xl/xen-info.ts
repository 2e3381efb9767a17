import type { Iommu } from '../../plan/observed.ts';
import { parseVirtCaps } from './iommu.ts';

/** What `xl info` tells of Xen. */
export interface XenInfo {
  /** Such as `4.17.5`; undefined when it does not say. */
  readonly version: string | undefined;
  readonly iommu: Iommu;
  /** Whether devices that leave a guest are kept from all memory; undefined when Xen's command line is not shown. */
  readonly quarantine: 'on' | 'off' | undefined;
}

/** Reads what `xl info` prints. */
export function parseXenInfo(text: string): XenInfo {
  const field = (name: string): string | undefined => new RegExp(`^${name}\\s*:(.*)$`, 'm').exec(text)?.[1]?.trim();
  const commandLine = field('xen_commandline');
  return {
    version: field('xen_version'),
    iommu: parseVirtCaps(text),
    quarantine: commandLine === undefined ? undefined : quarantineOf(commandLine),
  };
}

/**
 * Quarantine is on unless Xen was told otherwise: `iommu=no-quarantine` or a false value (Xen docs/misc/
 * xen-command-line.pandoc). Of several the last counts.
 */
function quarantineOf(commandLine: string): 'on' | 'off' {
  const options = commandLine.split(/\s+/).flatMap(word => /^iommu=(.*)$/.exec(word)?.[1]?.split(',') ?? []);
  const last = options.filter(option => /^(?:no-)?quarantine(?:=|$)/.test(option)).at(-1) ?? 'quarantine';
  return /^no-|=(?:no|off|false|0|disable)$/.test(last) ? 'off' : 'on';
}
