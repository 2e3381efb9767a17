import { readFile, stat } from 'node:fs/promises';
import type { Identity } from '../../api/identity.ts';
import type { DeviceText } from '../../plan/observed.ts';

/** Bytes of the largest pci.ids that is read; the real one had 1.5 million in 2026. */
const FILE_MAX = 16 * 1024 * 1024;

/**
 * A line of pci.ids. A vendor is `vvvv  name`, its devices follow after one tab, their subsystems (`vvvv dddd  name`) after
 * two; a class is `C bb  name`, with subclasses and interfaces likewise. A line of another form is passed over.
 */
const LINE = /^(\t{1,2}|(?:C )?)([0-9a-f]{2,4}(?: [0-9a-f]{4})?) {2}(.*)$/;

/** What is asked for: a vendor or a class, and within it a device or a subclass. */
const SECTION = /^(?:C [0-9a-f]{2}|[0-9a-f]{4})$/;
const ENTRY = /^[0-9a-f]{2,4}$/;

const NEWLINE = 0x0a;
/** What a section ends before: its lines, the heading aside, begin with a tab, are remarks, or are empty. */
const SECTION_END = /\n[^\t#\n]/;
/** Bytes that are searched at once for the end of a section; most sections are shorter. */
const WINDOW = 65_536;
const NOTHING = Buffer.alloc(0);

/** The name of an entry, under ``, and of what is below it, under its numbers; empty when there is no such entry. */
type Names = ReadonlyMap<string, string>;

/** Answers of one kind that are remembered at most, so that strange cards cannot fill the memory. */
const REMEMBERED_MAX = 4096;

/**
 * Names for vendor, device, subsystem and class numbers. The list is never taken apart as a whole: it has tens of thousands
 * of lines, and a host has cards of a few kinds. What is asked for is searched in its bytes, and remembered.
 */
export class PciIds {
  readonly #content: Buffer;
  readonly #sections: Map<string, Buffer> = new Map();
  readonly #entries: Map<string, Names> = new Map();

  /** @param content that of a pci.ids file; lines that do not fit its format are passed over. */
  constructor(content: Buffer | string) {
    this.#content = Buffer.isBuffer(content) ? content : Buffer.from(content);
  }

  /**
   * What a card is called; what has no name is shown by its number, as lspci does.
   * @param progIf the programming interface, two hex digits.
   */
  describe(identity: Identity, progIf?: string): DeviceText {
    const { vendor, device, subsystemVendor, subsystemDevice } = identity;
    const card = this.#entry(vendor, device);
    const vendorName = (id: string): string => this.#heading(id) ?? `Vendor ${id}`;
    const subsystem =
      subsystemVendor === undefined || subsystemDevice === undefined
        ? ''
        : (card.get(`${subsystemVendor} ${subsystemDevice}`) ??
          `${vendorName(subsystemVendor)} Device ${subsystemDevice}`);
    return {
      vendor: vendorName(vendor),
      device: card.get('') ?? `Device ${device}`,
      subsystem,
      class: this.#className(identity.class ?? '', progIf),
    };
  }

  #className(code: string, progIf: string | undefined): string {
    const section = `C ${code.slice(0, 2)}`;
    const names = this.#entry(section, code.slice(2));
    const name = names.get('') ?? this.#heading(section) ?? `Class ${code}`;
    const detail = progIf === undefined ? undefined : names.get(progIf);
    return detail === undefined ? name : `${name} (${detail})`;
  }

  #heading(id: string): string | undefined {
    const [, , , name] = LINE.exec(lineAt(this.#section(id), 0)) ?? [];
    return name;
  }

  #entry(section: string, id: string): Names {
    return remembered(this.#entries, `${section}/${id}`, () =>
      ENTRY.test(id) ? namesOf(this.#section(section), id) : new Map(),
    );
  }

  /** The heading and all lines below it; empty when there is none. */
  #section(id: string): Buffer {
    return remembered(this.#sections, id, () => {
      const start = SECTION.test(id) ? this.#lineWith(`${id}  `) : -1;
      return start < 0 ? NOTHING : this.#content.subarray(start, this.#sectionEnd(start));
    });
  }

  /** Where the first line is that begins so; -1 when there is none. */
  #lineWith(beginning: string): number {
    if (this.#content.toString('latin1', 0, beginning.length) === beginning) return 0;
    const newline = this.#content.indexOf(`\n${beginning}`);
    return newline < 0 ? -1 : newline + 1;
  }

  #sectionEnd(start: number): number {
    const { length } = this.#content;
    for (let at = start; at < length; at += WINDOW) {
      // One byte more than a window: an end may lie between two.
      const found = this.#content.toString('latin1', at, at + WINDOW + 1).search(SECTION_END);
      if (found >= 0) return at + found + 1;
    }
    return length;
  }
}

/** The names of an entry; of one that is there several times, the last name counts. */
function namesOf(section: Buffer, id: string): Names {
  const names = new Map<string, string>();
  const beginning = `\n\t${id}  `;
  for (let at = section.indexOf(beginning); at >= 0; at = section.indexOf(beginning, at + 1)) {
    const [, , , own] = LINE.exec(lineAt(section, at + 1)) ?? [];
    if (own === undefined) continue;
    names.set('', own);
    for (const line of linesAfter(section, at + 1)) {
      const [, tabs, below = '', name = ''] = LINE.exec(line) ?? [];
      if (tabs === '\t') break;
      if (tabs === '\t\t') names.set(below, name);
    }
  }
  return names;
}

function* linesAfter(text: Buffer, start: number): Generator<string> {
  for (let at = text.indexOf(NEWLINE, start); at >= 0; at = text.indexOf(NEWLINE, at + 1)) yield lineAt(text, at + 1);
}

function lineAt(text: Buffer, start: number): string {
  const end = text.indexOf(NEWLINE, start);
  return text.toString('utf8', start, end < 0 ? text.length : end);
}

function remembered<Answer>(answers: Map<string, Answer>, key: string, find: () => Answer): Answer {
  let answer = answers.get(key);
  if (answer === undefined) {
    answer = find();
    if (answers.size >= REMEMBERED_MAX) answers.clear();
    answers.set(key, answer);
  }
  return answer;
}

/** Reads the first of `paths` that is there; without any, every name is a number. */
export async function loadPciIds(paths: readonly string[]): Promise<PciIds> {
  for (const path of paths) {
    try {
      if ((await stat(path)).size <= FILE_MAX) return new PciIds(await readFile(path));
    } catch {
      // Names are for people only: a list that cannot be read is as good as none, and the next may be readable.
    }
  }
  return new PciIds('');
}
