import type { DebianPackage } from './debian.ts';
import type { Entry, Tree } from './tree.ts';

/** What the packages are made of. */
export interface Parts {
  readonly version: string;
  /** The bundled program. */
  readonly program: string;
  /** Texts by path under `manifests`, such as `samples/sys-net.yaml`. */
  readonly manifests: ReadonlyMap<string, string>;
  /** Texts of manual pages, such as `man1/xenpci.1`. */
  readonly manual: ReadonlyMap<string, string>;
  /** Completion by shell. */
  readonly completion: Readonly<Record<'bash' | 'zsh' | 'fish', string>>;
  readonly readme: string;
  readonly changelog: string;
  readonly copyright: string;
  readonly scripts: Readonly<Record<string, string>>;
}

/** A Node to carry along: its program, and what its licence says. */
export interface OwnNode {
  readonly program: string;
  readonly license: string;
}

// Debian wants an address, and the project has no mailbox: .invalid (RFC 2606) says so and belongs to nobody.
const FIELDS = {
  Maintainer: 'The xenpci authors <nobody@xenpci.invalid>',
  Section: 'admin',
  Priority: 'optional',
} as const;

const ABOUT = `keep PCI devices of a Xen dom0 where YAML files say they belong
 A reconciling controller for one Xen dom0: it compares manifests with what
 xenstore, libvirt and sysfs show, binds devices to pciback, attaches them to
 running guests and detaches them, prepares guests that are shut off, and
 corrects what others change. When it is not sure, it touches nothing.`;

/** What is called by the program and by the unit: xl, libvirt's Xen driver, modprobe, systemd-notify, groupadd. */
const NEEDS = 'init-system-helpers (>= 1.52), kmod, libvirt-daemon-driver-xen, passwd, systemd, xen-utils-common';
const RECOMMENDS = 'libvirt-daemon-system | libvirt-daemon-common, pci.ids | hwdata';

/** The package that runs on Debian's Node. */
export function onDebiansNode(parts: Parts): DebianPackage {
  return {
    name: 'xenpci',
    version: parts.version,
    architecture: 'all',
    fields: {
      ...FIELDS,
      Depends: `nodejs (>= 20.19), ${NEEDS}`,
      Recommends: RECOMMENDS,
      Suggests: 'bash-completion, git',
      Conflicts: 'xenpci-with-node',
      Replaces: 'xenpci-with-node',
      Description: ABOUT,
    },
    tree: treeOf(parts, 'xenpci', '/usr/bin/node'),
    scripts: parts.scripts,
  };
}

/** The package with a Node of its own, for dom0s whose Debian has an older one, or that reach no network. */
export function withOwnNode(parts: Parts, node: OwnNode): DebianPackage {
  const name = 'xenpci-with-node';
  const own: Tree = new Map<string, Entry>([
    ['/usr/lib/xenpci/node', { from: node.program, mode: 0o755 }],
    [`/usr/share/doc/${name}/copyright.node.gz`, { text: node.license }],
  ]);
  return {
    name,
    version: parts.version,
    architecture: 'amd64',
    fields: {
      ...FIELDS,
      // What Node's own builds for Linux need (Node BUILDING.md: glibc 2.28, libstdc++ of GCC 8).
      Depends: `libc6 (>= 2.28), libgcc-s1 | libgcc1, libstdc++6 (>= 8), ${NEEDS}`,
      Recommends: RECOMMENDS,
      Suggests: 'bash-completion, git',
      Provides: `xenpci (= ${parts.version})`,
      Conflicts: 'xenpci',
      Replaces: 'xenpci',
      Description: `${ABOUT}\n .\n This package carries a Node.js of its own.`,
    },
    tree: new Map([...treeOf(parts, name, '/usr/lib/xenpci/node'), ...own]),
    scripts: parts.scripts,
  };
}

function treeOf(parts: Parts, name: string, node: string): Tree {
  const { program, manifests, manual, completion } = parts;
  const doc = `/usr/share/doc/${name}`;
  const wrapper = `#!/bin/sh\nexec ${node} /usr/lib/xenpci/xenpci.cjs "$@"\n`;
  const text = (path: string): string => {
    const found = manifests.get(path);
    if (found === undefined) throw new Error(`manifests/${path} is missing`);
    return found;
  };
  const samples = [...manifests].filter(([path]) => path.startsWith('samples/'));
  return new Map<string, Entry>([
    ['/usr/bin/xenpci', { text: wrapper, mode: 0o755 }],
    ['/usr/lib/xenpci/xenpci.cjs', { from: program }],
    // Where the program looks for its samples.
    ['/usr/lib/xenpci/manifests', { link: '../../share/xenpci' }],
    ['/usr/lib/systemd/system/xenpci.service', { text: text('systemd/xenpci.service') }],
    ['/etc/libvirt/hooks/libxl.d/xenpci', { text: text('libvirt/xenpci-hook'), mode: 0o755 }],
    ...samples.map(([path, sample]): [string, Entry] => [
      `/etc/xenpci/manifests/${path.replace('samples/', '')}.sample`,
      { text: sample.replace('../schema/', '/usr/share/xenpci/schema/') },
    ]),
    ...[...manifests]
      .filter(([path]) => !path.startsWith('systemd/') && !path.startsWith('git/'))
      .map(([path, each]): [string, Entry] => [`/usr/share/xenpci/${path}`, { text: each, ...modeOf(path) }]),
    ...['git/xenpci-pull', 'systemd/xenpci-pull.service', 'systemd/xenpci-pull.timer'].map((path): [string, Entry] => [
      `${doc}/examples/${path.replace(/.*\//, '')}`,
      { text: text(path), ...modeOf(path) },
    ]),
    ...[...manual].map(([path, page]): [string, Entry] => [`/usr/share/man/${path}.gz`, { text: page }]),
    ['/usr/share/bash-completion/completions/xenpci', { text: completion.bash }],
    ['/usr/share/zsh/vendor-completions/_xenpci', { text: completion.zsh }],
    ['/usr/share/fish/vendor_completions.d/xenpci.fish', { text: completion.fish }],
    [`${doc}/README.md.gz`, { text: parts.readme }],
    [`${doc}/changelog.gz`, { text: parts.changelog }],
    [`${doc}/copyright`, { text: parts.copyright }],
  ]);
}

/** What begins as a script can be run. */
function modeOf(path: string): { readonly mode?: number } {
  return path.startsWith('libvirt/') || path.startsWith('git/') ? { mode: 0o755 } : {};
}
