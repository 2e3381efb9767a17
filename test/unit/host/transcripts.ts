/** What real Xen had in xenstore (4.17, bookworm), without the nodes that nobody here asks for. */

export const RED_UUID = '11111111-2222-3333-4444-555555555555';

const RED = `
/local/domain/1/vm = "/vm/${RED_UUID}"
/local/domain/1/name = "red"
/local/domain/1/device/pci/0/state = "4"
/libxl/1/type = "pv"`;

/** A PV guest with two devices, the first of them permissive. */
export const TWO_DEVICES: string = `
/local/domain/0/name = "Domain-0"
/local/domain/0/backend/pci/1/0/frontend = "/local/domain/1/device/pci/0"
/local/domain/0/backend/pci/1/0/frontend-id = "1"
/local/domain/0/backend/pci/1/0/online = "1"
/local/domain/0/backend/pci/1/0/state = "4"
/local/domain/0/backend/pci/1/0/domain = "red"
/local/domain/0/backend/pci/1/0/key-0 = "0000:01:00.0"
/local/domain/0/backend/pci/1/0/dev-0 = "0000:01:00.0"
/local/domain/0/backend/pci/1/0/opts-0 = "msitranslate=0,power_mgmt=0,permissive=1,rdm_policy=strict"
/local/domain/0/backend/pci/1/0/state-0 = "3"
/local/domain/0/backend/pci/1/0/num_devs = "2"
/local/domain/0/backend/pci/1/0/vdev-0 = "0000:00:00.00"
/local/domain/0/backend/pci/1/0/root-0 = "0000:00"
/local/domain/0/backend/pci/1/0/root_num = "1"
/local/domain/0/backend/pci/1/0/key-1 = "0000:02:00.0"
/local/domain/0/backend/pci/1/0/dev-1 = "0000:02:00.0"
/local/domain/0/backend/pci/1/0/opts-1 = "msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict"
/local/domain/0/backend/pci/1/0/state-1 = "3"
/local/domain/0/backend/pci/1/0/vdev-1 = "0000:00:01.00"
${RED}
/libxl/pci/0000-01-00-0/driver_path = "/sys/bus/pci/drivers/e1000e"
/libxl/pci/0000-01-00-0/domid = "1"
/libxl/pci/0000-02-00-0/driver_path = "/sys/bus/pci/drivers/nvme"
/libxl/pci/0000-02-00-0/domid = "1"
/libxl/pci/0000-04-00-0/driver_path = "/sys/bus/pci/drivers/nvme"`;

/** The same after the first has been taken away: libxl has renumbered the second. */
export const AFTER_DETACH: string = `
/local/domain/0/backend/pci/1/0/state = "4"
/local/domain/0/backend/pci/1/0/num_devs = "1"
/local/domain/0/backend/pci/1/0/state-0 = "3"
/local/domain/0/backend/pci/1/0/dev-0 = "0000:02:00.0"
/local/domain/0/backend/pci/1/0/key-0 = "0000:02:00.0"
/local/domain/0/backend/pci/1/0/vdev-0 = "0000:00:01.00"
/local/domain/0/backend/pci/1/0/opts-0 = "msitranslate=0,power_mgmt=0,permissive=0,rdm_policy=strict"
${RED}
/libxl/pci/0000-01-00-0/driver_path = "/sys/bus/pci/drivers/e1000e"
/libxl/pci/0000-02-00-0/driver_path = "/sys/bus/pci/drivers/nvme"
/libxl/pci/0000-02-00-0/domid = "1"`;

/** Half way there: the second has its new number and still has its old one. */
export const RENUMBERING: string = `${AFTER_DETACH}
/local/domain/0/backend/pci/1/0/dev-1 = "0000:02:00.0"
/local/domain/0/backend/pci/1/0/key-1 = "0000:02:00.0"`;

/** What a guest left behind that was destroyed right after its start. */
export const STALE: string = `
/local/domain/0/backend/pci/2/0/frontend-id = "2"
/local/domain/0/backend/pci/2/0/state = "6"
/local/domain/0/backend/pci/2/0/dev-0 = "0000:04:00.0"
/local/domain/0/backend/pci/2/0/state-0 = "5"
/local/domain/0/backend/pci/2/0/num_devs = "1"`;

/** An HVM guest whose device model runs in a stub domain: libxl enters the device under the stub domain. */
export const STUB_DOMAIN: string = `
/local/domain/0/backend/pci/6/0/state = "3"
/local/domain/0/backend/pci/6/0/num_devs = "1"
/local/domain/0/backend/pci/6/0/dev-0 = "0000:05:00.0"
/local/domain/0/backend/pci/6/0/state-0 = "3"
/local/domain/0/backend/pci/6/0/vdevfn-0 = "30"
/local/domain/5/vm = "/vm/66666666-2222-3333-4444-555555555555"
/local/domain/5/name = "win"
/local/domain/6/vm = "/vm/77777777-2222-3333-4444-555555555555"
/local/domain/6/name = "win-dm"
/local/domain/6/target = "5"
/libxl/5/type = "hvm"
/libxl/6/type = "pv"
/libxl/pci/0000-05-00-0/domid = "5"`;
