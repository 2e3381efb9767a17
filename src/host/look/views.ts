import type { Address } from '../../api/address.ts';
import type { LibvirtDomain } from '../libvirt/view.ts';
import type { SysfsDevice } from '../sysfs/sysfs.ts';
import type { Uses } from '../uses/dom0-uses.ts';
import type { XenstoreView } from '../xenstore/view.ts';

/** All views of one look. */
export interface Views {
  readonly xenstore: XenstoreView;
  readonly libvirt: readonly LibvirtDomain[];
  readonly sysfs: readonly SysfsDevice[];
  readonly uses: Uses;
  /** The devices whose config space pciback does not filter. */
  readonly unfiltered: ReadonlySet<Address>;
}
