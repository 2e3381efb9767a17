import { readFile, stat } from 'node:fs/promises';
import type { Identity } from '../../api/identity.ts';
import type { DeviceText } from '../../plan/observed.ts';

/** Bytes of the largest pci.ids that is read; the real one had 1.5 million in 2026. */
const FILE_MAX = 16 * 1024 * 1024;

/**
 * A vendor or a class with all lines below it. In pci.ids a vendor is `vvvv  name`, its devices follow after one tab,
 * their subsystems (`vvvv dddd  name`) after two; a class is `C bb  name`, with subclasses and interfaces likewise.
 */
const SECTION = /^(?:C [0-9a-f]{2}|[0-9a-f]{4}) {2}.*(?:\n(?:[\t#].*)?)*/gm;
const LINE = /^(\t{0,2})(?:C )?([0-9a-f]{2,4}(?: [0-9a-f]{4})?) {2}(.*)$/;

/** The names of one section; keys are `device` or `device/subvendor subdevice`, and `` for the section itself. */
type Names = ReadonlyMap<string, string>;

/** Names for vendor, device, subsystem and class numbers. A section is taken apart when it is first asked for. */
export class PciIds {
  readonly #sections: Map<string, string> = new Map();
  readonly #parsed: Map<string, Names> = new Map();

  /** @param text the content of a pci.ids file; lines that do not fit its format are passed over. */
  constructor(text: string) {
    for (const [section] of text.matchAll(SECTION))
      this.#sections.set(section.slice(0, section.indexOf('  ')), section);
  }

  /**
   * What a card is called; what has no name is shown by its number, as lspci does.
   * @param progIf the programming interface, two hex digits.
   */
  describe(identity: Identity, progIf?: string): DeviceText {
    const { vendor, device, subsystemVendor, subsystemDevice } = identity;
    const cards = this.#names(vendor);
    const vendorName = (id: string): string => this.#names(id).get('') ?? `Vendor ${id}`;
    const subsystem =
      subsystemVendor === undefined || subsystemDevice === undefined
        ? ''
        : (cards.get(`${device}/${subsystemVendor} ${subsystemDevice}`) ??
          `${vendorName(subsystemVendor)} Device ${subsystemDevice}`);
    return {
      vendor: vendorName(vendor),
      device: cards.get(device) ?? `Device ${device}`,
      subsystem,
      class: this.#className(identity.class ?? '', progIf),
    };
  }

  #className(code: string, progIf: string | undefined): string {
    const names = this.#names(`C ${code.slice(0, 2)}`);
    const name = names.get(code.slice(2)) ?? names.get('') ?? `Class ${code}`;
    const detail = progIf === undefined ? undefined : names.get(`${code.slice(2)}/${progIf}`);
    return detail === undefined ? name : `${name} (${detail})`;
  }

  #names(section: string): Names {
    let names = this.#parsed.get(section);
    if (names === undefined) {
      names = parseSection(this.#sections.get(section) ?? '');
      // Remembered only when it is there, so that strange cards cannot fill the memory.
      if (names.size > 0) this.#parsed.set(section, names);
    }
    return names;
  }
}

function parseSection(text: string): Names {
  const names = new Map<string, string>();
  let parent = '';
  for (const line of text.split('\n')) {
    const [, tabs, id = '', name = ''] = LINE.exec(line) ?? [];
    if (tabs === '') names.set('', name);
    else if (tabs === '\t') {
      parent = id;
      names.set(id, name);
    } else if (tabs === '\t\t') names.set(`${parent}/${id}`, name);
  }
  return names;
}

/** Reads the first of `paths` that is there; without any, every name is a number. */
export async function loadPciIds(paths: readonly string[]): Promise<PciIds> {
  for (const path of paths) {
    try {
      if ((await stat(path)).size <= FILE_MAX) return new PciIds(await readFile(path, 'utf8'));
    } catch {
      // Names are for people only: a list that cannot be read is as good as none, and the next may be readable.
    }
  }
  return new PciIds('');
}
