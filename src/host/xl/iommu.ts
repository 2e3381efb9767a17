import { HostError } from '../../controller/ports.ts';
import type { Iommu } from '../../plan/observed.ts';
import type { Xl } from './xl.ts';

/**
 * Whether Xen drives an IOMMU. Only Xen knows, since it hides the IOMMU from dom0, and it is asked through `xl info`: its
 * `virt_caps` name `pv_directio` or `hvm_directio` exactly then (xen/common/sysctl.c, XEN_SYSCTL_PHYSCAP_directio).
 * It cannot change before the next boot, so an answer is kept.
 */
export class IommuFact {
  readonly #xl: Pick<Xl, 'info'>;
  #known: Iommu | undefined;

  constructor(xl: Pick<Xl, 'info'>) {
    this.#xl = xl;
  }

  /** @throws the reason of `signal`. */
  async read(signal: AbortSignal): Promise<Iommu> {
    if (this.#known !== undefined) return this.#known;
    try {
      const answer = parseVirtCaps(await this.#xl.info(signal));
      if (answer.state !== 'unknown') this.#known = answer;
      return answer;
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return { state: 'unknown', why: error.message };
    }
  }
}

/** Reads what `xl info` says. */
export function parseVirtCaps(text: string): Iommu {
  const words = /^virt_caps\s*:(.*)$/m.exec(text)?.[1]?.trim().split(/\s+/);
  if (words === undefined) return { state: 'unknown', why: 'xl info does not show virt_caps' };
  return { state: words.includes('pv_directio') || words.includes('hvm_directio') ? 'present' : 'absent' };
}
