import { join } from 'node:path';

/** Where dom0 keeps what we read and use, under a root folder: `/`, or a simulated dom0's folder. */
export interface Dom0Layout {
  readonly root: string;
  readonly sysfs: string;
  readonly procfs: string;
  /** udev's own folder: what it found on each device is in its `data`. */
  readonly udev: string;
  /** xenstored's socket, and the device for where xenstored runs in a domain of its own. */
  readonly xenstoreSocket: string;
  readonly xenbusDevice: string;
  readonly libvirtSocket: string;
  /** The toolstack's program. */
  readonly xl: string;
  /** pci.ids, best first. */
  readonly pciIds: readonly string[];
  /** libxl's userdata: one `userdata-d.DOMID.UUID.libxl-json` for each running domain. */
  readonly libxlUserdata: string;
  readonly manifests: string;
  readonly state: string;
  readonly runtime: string;
}

/** The layout of a Debian dom0 under `root`. */
export function dom0Layout(root = '/'): Dom0Layout {
  return {
    root,
    sysfs: join(root, 'sys'),
    procfs: join(root, 'proc'),
    udev: join(root, 'run/udev'),
    xenstoreSocket: join(root, 'run/xenstored/socket'),
    xenbusDevice: join(root, 'dev/xen/xenbus'),
    libvirtSocket: join(root, 'run/libvirt/libvirt-sock'),
    xl: join(root, 'usr/sbin/xl'),
    pciIds: [join(root, 'usr/share/misc/pci.ids'), join(root, 'usr/share/hwdata/pci.ids')],
    libxlUserdata: join(root, 'var/lib/xen'),
    manifests: join(root, 'etc/xenpci/manifests'),
    state: join(root, 'var/lib/xenpci'),
    runtime: join(root, 'run/xenpci'),
  };
}
