import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatDomain } from './libvirtd/domain-xml.ts';
import { listEntries } from './model/backend.ts';
import type { Domain, Instance } from './model/domain.ts';
import type { Model } from './model/model.ts';

/** Keeps libxl's notes about running domains: one file or two for each, until the domain ends. */
export class Userdata {
  readonly #folder: string;
  readonly #model: Model;
  readonly #endListening: () => void;
  #written = new Map<string, string>();

  /** Writes what is running. @param folder where libxl keeps its notes. */
  constructor(folder: string, model: Model) {
    this.#folder = folder;
    this.#model = model;
    mkdirSync(folder, { recursive: true });
    for (const name of readdirSync(folder)) if (name.startsWith('userdata-')) rmSync(join(folder, name));
    this.#update();
    this.#endListening = model.dom0.listen({ instancesChanged: () => this.#update() });
  }

  close(): void {
    this.#endListening();
  }

  #update(): void {
    const wanted = new Map([...this.#model.dom0.domains.values()].flatMap(domain => this.#files(domain)));
    for (const name of this.#written.keys()) if (!wanted.has(name)) rmSync(join(this.#folder, name), { force: true });
    for (const [name, text] of wanted) {
      if (this.#written.get(name) !== text) writeFileSync(join(this.#folder, name), text);
    }
    this.#written = wanted;
  }

  #files(domain: Domain): [string, string][] {
    const { instance, uuid, toolstack } = domain;
    if (instance === undefined) return [];
    const name = (kind: string): string => `userdata-d.${instance.domid}.${uuid}.${kind}`;
    const json: [string, string] = [name('libxl-json'), this.#config(domain, instance)];
    if (toolstack === 'xl') return [json];
    const { version } = this.#model.libvirt;
    return [json, [name('libvirt-xml'), formatDomain(domain, instance.started, version)]];
  }

  /** As on Xen 4.17: `passthrough` stands there only when it was asked for, and `pcidevs` follows every change. */
  #config({ name, uuid, type }: Domain, { domid, started }: Instance): string {
    const passthrough = started.passthrough ? { passthrough: 'enabled' } : {};
    const pcidevs = listEntries(this.#model.dom0.store, domid).map(address => ({ name: address }));
    const config = {
      c_info: { type, name, uuid, ...passthrough },
      ...(pcidevs.length === 0 ? {} : { pcidevs }),
    };
    // libxl writes the end of its string as well.
    return `${JSON.stringify(config)}\0`;
  }
}
