/** Who a host is: what `spec.hosts` is compared with. */
export interface HostIdentity {
  /** Its host names in lower case, full and short. */
  readonly names: readonly string[];
  /** The content of /etc/machine-id: 32 hex digits. */
  readonly machineId?: string;
}

/** One pattern of `spec.hosts`: a host name in which `*` stands for any text and `?` for one character, or a machine id. */
export const HOST_PATTERN = '^[A-Za-z0-9*?][A-Za-z0-9._*?-]{0,252}$';

/** Puts an identity together from all names of a host; what is no host name is left out. */
export function hostIdentity(names: readonly string[], machineId?: string): HostIdentity {
  const known = names.map(name => name.trim().toLowerCase()).filter(name => /^[a-z0-9][a-z0-9._-]{0,252}$/.test(name));
  const id = machineId?.trim().toLowerCase();
  return {
    names: [...new Set(known.flatMap(name => [name, shortName(name)]))],
    ...(id !== undefined && /^[0-9a-f]{32}$/.test(id) ? { machineId: id } : {}),
  };
}

/** Whether an object with these patterns is for a host; one without any is for every host. */
export function isForHost(patterns: readonly string[] | undefined, { names, machineId }: HostIdentity): boolean {
  if (patterns === undefined) return true;
  return patterns.some(pattern => pattern === machineId || names.some(name => meet(pattern, name)));
}

/**
 * Whether one host may be meant by both lists. A machine id and a name may always be the same host's; that is not known
 * here, and they count as different.
 */
export function mayShareHost(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  return a.some(one => b.some(other => meet(one, other) || meetShort(one, other) || meetShort(other, one)));
}

/** A host as people are told of it. */
export function hostText({ names, machineId }: HostIdentity): string {
  return names[0] ?? machineId ?? 'unknown';
}

function shortName(name: string): string {
  return name.split('.', 1)[0] ?? name;
}

/** Whether a host may be meant by its full name and by its short one. */
function meetShort(full: string, short: string): boolean {
  return !short.includes('.') && meet(full, `${short}.*`);
}

/** Whether some text fits both patterns; a text without wildcards is a pattern that only it fits. */
function meet(a: string, b: string): boolean {
  // reachable[j]: the rest of `a` from i on and the rest of `b` from j on have a text in common. From the ends on.
  let after: boolean[] = [];
  for (let i = a.length; i >= 0; i--) {
    const row: boolean[] = [];
    for (let j = b.length; j >= 0; j--) row[j] = meetFrom(a[i], b[j], { after, row, j });
    after = row;
  }
  return after[0] === true;
}

interface Rests {
  /** For the next character of `a`, by place in `b`. */
  readonly after: readonly boolean[];
  /** For this character of `a`, filled in from the end of `b`. */
  readonly row: readonly boolean[];
  readonly j: number;
}

function meetFrom(one: string | undefined, other: string | undefined, { after, row, j }: Rests): boolean {
  if (one === undefined && other === undefined) return true;
  if (one === '*' && (after[j] === true || row[j + 1] === true)) return true;
  if (other === '*' && (row[j + 1] === true || after[j] === true)) return true;
  if (one === undefined || other === undefined || one === '*' || other === '*') return false;
  return (one === other || one === '?' || other === '?') && after[j + 1] === true;
}
