/** libvirtd.conf and qemu.conf of a host. */
import { join } from 'node:path';
import type { HostPlan, LabPaths } from '../plan.ts';
import { INSTANCES } from './nova.ts';

export function libvirtdConf(paths: LabPaths, host: HostPlan): string {
  return `listen_tls = 0
listen_tcp = 1
listen_addr = "${host.address}"
tcp_port = "16509"
auth_tcp = "none"
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_group = "libvirt"
unix_sock_rw_perms = "0770"
host_uuid = "${host.uuid}"
log_outputs = "2:file:${join(paths.log, `libvirtd-${host.index}.log`)}"
keepalive_interval = 5
`;
}

/** Without `shared_filesystems` libvirt calls a bind-mounted shared directory unsafe and refuses to migrate. */
export function qemuConf(host: HostPlan): string {
  return `user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
migration_address = "${host.address}"
migration_host = "${host.address}"
shared_filesystems = ["${INSTANCES}"]
`;
}
