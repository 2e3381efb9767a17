import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION } from '../../../src/cli/version.ts';
import { makePackages, type Packages } from '../../../src/packaging/build.ts';

const CHECKOUT = resolve(import.meta.dirname, '../../..');
const able = spawnSync('dpkg-deb', ['--version']).status === 0;

let folder = '';
let packages: Packages;
/** The package with its own Node, unpacked. */
let root = '';

function output(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}

/** What a package installs: permissions, owner and path; folders only where they are ours or empty. */
function contents(path: string): string[] {
  return output('dpkg-deb', '--contents', path)
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('d'))
    .map(line => {
      const [mode = '', owner = '', , , , name = '', ...link] = line.split(/ +/);
      return [mode, owner, name.slice(1), ...link].join(' ');
    });
}

describe.skipIf(!able)('the packages (needs dpkg-deb)', () => {
  beforeAll(async () => {
    folder = mkdtempSync('/tmp/xenpci-packages-');
    root = join(folder, 'root');
    const node = { program: process.execPath, license: 'as it came\n' };
    packages = await makePackages(CHECKOUT, join(folder, 'out'), node, 'none');
    output('dpkg-deb', '-x', packages.withOwnNode, root);
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('the one on Debian’s Node installs exactly this', () => {
    const shared = / \/usr\/share\/xenpci\//;
    const all = contents(packages.onDebiansNode);
    // What the checkout has for people to use, the units and the Git pull aside, which have places of their own.
    const manifests = output('git', '-C', CHECKOUT, 'ls-files', 'manifests').trim().split('\n');
    const wanted = manifests.filter(path => !/^manifests\/(systemd|git)\//.test(path));
    const found = all
      .filter(line => shared.test(line))
      .map(line => line.replace(/.*\/usr\/share\/xenpci/, 'manifests'));
    expect(found.toSorted()).toEqual(wanted.toSorted());
    expect(all.filter(line => !shared.test(line))).toMatchInlineSnapshot(`
      [
        "-rwxr-xr-x root/root /etc/libvirt/hooks/libxl.d/xenpci",
        "-rw-r--r-- root/root /etc/xenpci/manifests/media.yaml.sample",
        "-rw-r--r-- root/root /etc/xenpci/manifests/storage.yaml.sample",
        "-rw-r--r-- root/root /etc/xenpci/manifests/sys-net.yaml.sample",
        "-rwxr-xr-x root/root /usr/bin/xenpci",
        "-rw-r--r-- root/root /usr/lib/systemd/system/xenpci.service",
        "-rw-r--r-- root/root /usr/lib/xenpci/xenpci.cjs",
        "-rw-r--r-- root/root /usr/share/bash-completion/completions/xenpci",
        "-rw-r--r-- root/root /usr/share/doc/xenpci/README.md.gz",
        "-rw-r--r-- root/root /usr/share/doc/xenpci/changelog.gz",
        "-rw-r--r-- root/root /usr/share/doc/xenpci/copyright",
        "-rwxr-xr-x root/root /usr/share/doc/xenpci/examples/xenpci-pull",
        "-rw-r--r-- root/root /usr/share/doc/xenpci/examples/xenpci-pull.service",
        "-rw-r--r-- root/root /usr/share/doc/xenpci/examples/xenpci-pull.timer",
        "-rw-r--r-- root/root /usr/share/fish/vendor_completions.d/xenpci.fish",
        "-rw-r--r-- root/root /usr/share/man/man1/xenpci.1.gz",
        "-rw-r--r-- root/root /usr/share/man/man5/xenpci.yaml.5.gz",
        "-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_xenpci",
        "lrwxrwxrwx root/root /usr/lib/xenpci/manifests -> ../../share/xenpci",
      ]
    `);
  });

  test('the one with its own Node has that and its licence besides', () => {
    const other = (path: string): string => path.replace('xenpci-with-node', 'xenpci');
    const common = new Set(contents(packages.onDebiansNode));
    const more = contents(packages.withOwnNode).filter(line => !common.has(other(line)));
    expect(more).toEqual([
      '-rwxr-xr-x root/root /usr/lib/xenpci/node',
      '-rw-r--r-- root/root /usr/share/doc/xenpci-with-node/copyright.node.gz',
    ]);
    expect(common.size + more.length).toBe(contents(packages.withOwnNode).length);
  });

  test('control says what they need, and that there is one of them', () => {
    const control = (path: string): string => output('dpkg-deb', '--field', path).replace(/^Installed-Size.*\n/m, '');
    expect(control(packages.onDebiansNode)).toMatchInlineSnapshot(`
      "Package: xenpci
      Version: 0.1.0
      Architecture: all
      Maintainer: The xenpci authors <nobody@xenpci.invalid>
      Section: admin
      Priority: optional
      Depends: nodejs (>= 20.19), init-system-helpers (>= 1.52), kmod, libvirt-daemon-driver-xen, passwd, systemd, xen-utils-common
      Recommends: libvirt-daemon-system | libvirt-daemon-common, pci.ids | hwdata
      Suggests: bash-completion, git
      Conflicts: xenpci-with-node
      Replaces: xenpci-with-node
      Description: keep PCI devices of a Xen dom0 where YAML files say they belong
       A reconciling controller for one Xen dom0: it compares manifests with what
       xenstore, libvirt and sysfs show, binds devices to pciback, attaches them to
       running guests and detaches them, prepares guests that are shut off, and
       corrects what others change. When it is not sure, it touches nothing.
      "
    `);
    const own = control(packages.withOwnNode);
    expect(own).not.toContain('nodejs (');
    expect(own).toContain(`\nProvides: xenpci (= ${VERSION})\nConflicts: xenpci\nReplaces: xenpci\n`);
  });

  test('all below /etc is a conffile, so an upgrade keeps what people have changed', () => {
    const conffiles = output('dpkg-deb', '--info', packages.onDebiansNode, 'conffiles').trim().split('\n');
    const etc = contents(packages.onDebiansNode).flatMap(line => /\/etc\/\S+/.exec(line)?.[0] ?? []);
    expect(conffiles.toSorted()).toEqual(etc.toSorted());
  });

  test('the bill of materials names each library of the lock file that is not for development, and the Node', () => {
    const lock = JSON.parse(readFileSync(join(CHECKOUT, 'package-lock.json'), 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly version: string; readonly dev?: boolean }>>;
    };
    const wanted = Object.entries(lock.packages)
      .filter(([path, { dev }]) => path !== '' && dev !== true)
      .map(([path, { version }]) => `${path.replace(/.*node_modules\//, '')}@${version}`);
    const { components } = JSON.parse(readFileSync(packages.bill, 'utf8')) as {
      readonly components: readonly { readonly name: string; readonly version: string }[];
    };
    const named = components.map(({ name, version }) => `${name}@${version}`);
    expect(named.at(-1)).toMatch(/^node@\d+\.\d+\.\d+$/);
    expect(named.slice(0, -1).toSorted()).toEqual(wanted.toSorted());
  });

  test('the checksums are those of all that is made', () => {
    const checked = output('sh', '-c', `cd ${join(folder, 'out')} && sha256sum -c SHA256SUMS`);
    const all = readdirSync(join(folder, 'out')).filter(name => name !== 'SHA256SUMS');
    expect(checked.trim().split('\n').toSorted()).toEqual(all.map(name => `${name}: OK`).toSorted());
  });

  test('the sums are those of the files', () => {
    const control = join(folder, 'control');
    output('dpkg-deb', '-e', packages.withOwnNode, control);
    const { status, stderr } = spawnSync('md5sum', ['--quiet', '-c', join(control, 'md5sums')], {
      cwd: root,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  test.each(['postinst', 'prerm', 'postrm'])('%s is sound shell, gives no device away and takes none', name => {
    const text = output('dpkg-deb', '--info', packages.onDebiansNode, name);
    const { status, stderr } = spawnSync('sh', ['-n'], { input: text, encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const code = text.replaceAll(/^\s*#.*$|<<'END'[\s\S]*?^END$/gm, '');
    expect(code).toMatch(/^set -e$/m);
    expect(code).not.toMatch(/\b(xl|virsh|modprobe)\b|restart libvirtd|\/sys\//);
    expect(code.match(/\brm .*/g) ?? []).toEqual(name === 'postrm' ? ['rm -rf /var/lib/xenpci'] : []);
  });

  test('no file of another package is overwritten', () => {
    const files = contents(packages.onDebiansNode).map(line => line.split(' ')[2] ?? '');
    const { stdout } = spawnSync('dpkg-query', ['-S', ...files], { encoding: 'utf8' });
    expect(stdout.split('\n').filter(line => line !== '' && !line.startsWith('xenpci'))).toEqual([]);
  });

  test('the same sources make the same package', async () => {
    const again = await makePackages(CHECKOUT, join(folder, 'again'), { program: '/bin/true', license: '' }, 'none');
    expect(readFileSync(again.onDebiansNode).equals(readFileSync(packages.onDebiansNode))).toBe(true);
    expect(readFileSync(again.bill, 'utf8')).toBe(readFileSync(packages.bill, 'utf8'));
  }, 120_000);

  test('unpacked, it runs on its own Node, and knows its samples', () => {
    const node = join(root, 'usr/lib/xenpci/node');
    const program = join(root, 'usr/lib/xenpci/xenpci.cjs');
    expect(output(node, program, '--version')).toBe(`xenpci ${VERSION}\n`);
    expect(output(packages.program, 'version')).toBe(`xenpci ${VERSION}\n`);
    expect(output(node, program, 'validate', join(root, 'usr/lib/xenpci/manifests/samples'))).toContain('are valid.');
    expect(readFileSync(join(root, 'usr/bin/xenpci'), 'utf8')).toContain(
      'exec /usr/lib/xenpci/node /usr/lib/xenpci/xenpci.cjs',
    );
  }, 60_000);

  test('nothing is assigned by installing: the folder of manifests has no manifest', () => {
    const { stderr, status } = spawnSync(
      join(root, 'usr/lib/xenpci/node'),
      [join(root, 'usr/lib/xenpci/xenpci.cjs'), 'validate', join(root, 'etc/xenpci/manifests')],
      { encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([1, expect.stringContaining('EmptySource')]);
  }, 60_000);
});
