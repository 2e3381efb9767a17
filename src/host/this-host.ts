import { join } from 'node:path';
import { type HostIdentity, hostIdentity } from '../api/hosts.ts';
import type { Dom0Layout } from '../api/layout.ts';
import { readSmallFile } from './small-file.ts';

/** Bytes of a host name or a machine id with room to spare. */
const NAME_MAX = 1024;

/**
 * Who this host is: its name by the kernel and by /etc/hostname, which a network may have made differ (hostname(5)), and
 * its machine id (machine-id(5)).
 * @throws {HostError} Unreachable when one of these files is there and cannot be read.
 */
export async function thisHost({ root, procfs }: Dom0Layout): Promise<HostIdentity> {
  const paths = [join(procfs, 'sys/kernel/hostname'), join(root, 'etc/hostname'), join(root, 'etc/machine-id')];
  const [kernel, stored, machineId] = await Promise.all(paths.map(path => readSmallFile(path, NAME_MAX)));
  const names = [kernel, stored].flatMap(text => (text === undefined ? [] : [firstName(text)]));
  return hostIdentity(names, machineId);
}

function firstName(text: string): string {
  return text.split('\n').find(line => line.trim() !== '' && !line.startsWith('#')) ?? '';
}
