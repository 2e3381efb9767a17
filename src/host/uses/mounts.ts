/** Which block devices dom0 has mounted or swaps to, as the kernel lists them. */
import { HostError } from '../../controller/ports.ts';

/** One line of /proc/1/mountinfo (Linux Documentation/filesystems/proc.rst, 3.5). */
export interface Mount {
  /** `major:minor` of its device; of no block device for btrfs, ZFS and file systems without a device. */
  readonly number: string;
  readonly point: string;
  readonly type: string;
  /** What was mounted, by the name that mount was given: the root's may be `/dev/root`. */
  readonly source: string;
}

/**
 * Reads mountinfo.
 * @throws {HostError} Unreachable when a line is not understood: it may be about any device.
 */
export function parseMountinfo(text: string): Mount[] {
  return lines(text).map(line => {
    const [own = '', rest] = split(line, ' - ');
    const [, , number = '', , point] = own.split(' ');
    const [type, source] = rest?.split(' ') ?? [];
    if (!/^\d+:\d+$/.test(number) || point === undefined || type === undefined || source === undefined) {
      throw new HostError('Unreachable', `/proc/1/mountinfo has a line that is not understood: ${shown(line)}`);
    }
    return { number, point: unescaped(point), type, source: unescaped(source) };
  });
}

/**
 * Reads /proc/swaps.
 * @returns the paths of the block devices that are swapped to; what is swapped to in a file shows as a mount.
 * @throws {HostError} Unreachable when a line is not understood.
 */
export function parseSwaps(text: string): string[] {
  return lines(text)
    .slice(1)
    .flatMap(line => {
      const [path, type] = line.split(/\s+/);
      if (path === undefined || (type !== 'partition' && type !== 'file')) {
        throw new HostError('Unreachable', `/proc/swaps has a line that is not understood: ${shown(line)}`);
      }
      return type === 'partition' ? [unescaped(path)] : [];
    });
}

function lines(text: string): string[] {
  return text.split('\n').filter(line => line !== '');
}

function split(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** The kernel writes blanks, line ends and backslashes in names as three octal digits (seq_path, mangle). */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes = text.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return bytes;
}

function shown(line: string): string {
  return JSON.stringify(line.slice(0, 120));
}
