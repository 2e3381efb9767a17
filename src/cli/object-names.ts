/** What `-o name` prints before the slash, and its plural. */
const KIND_AND_NAME = /^(devices?|assignments?)\/(.+)$/s;
/** The commands that take a kind and then names. */
const BY_KIND = ['get', 'describe'];

/** A name without its kind: people paste what `-o name` prints. */
export function bareName(text: string): string {
  return KIND_AND_NAME.exec(text)?.[2] ?? text;
}

/** `get device/0000:03:00.0`, as kubectl takes it, is `get device 0000:03:00.0`. */
export function kindsApart(args: readonly string[]): string[] {
  return args.flatMap((word, index) => {
    const [, kind, name] = KIND_AND_NAME.exec(word) ?? [];
    const isFirst = BY_KIND.includes(args[index - 1] ?? '');
    return isFirst && kind !== undefined && name !== undefined ? [kind, name] : [word];
  });
}
