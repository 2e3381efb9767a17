# The walk of Qubes' PCI extension (qubes.ext.pci, attached_devices): one answer is awaited before the next is asked for.
# Does it once for each line on standard input, and answers with a line: how many devices, and how long it took in ms.
import sys
import time

sys.path.insert(0, sys.argv[1])
import xen.lowlevel.xs  # noqa: E402  Xen's own bindings in C

xs = xen.lowlevel.xs.xs()


def attached_devices():
    devices = {}
    for domid in xs.ls('', 'backend/pci') or []:
        for devid in xs.ls('', 'backend/pci/' + domid) or []:
            path = 'backend/pci/' + domid + '/' + devid
            domain = xs.read('', path + '/domain')
            for index in range(int(xs.read('', path + '/num_devs'))):
                address = xs.read('', path + '/dev-' + str(index))
                devices[address[len('0000:'):].replace(b':', b'_') if isinstance(address, bytes) else address] = domain
    return devices


for _ in sys.stdin:
    before = time.perf_counter()
    count = len(attached_devices())
    print(count, (time.perf_counter() - before) * 1000, flush=True)
