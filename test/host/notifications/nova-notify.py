"""Sends one versioned notification about a server as nova-compute does, with Nova's and oslo.messaging's own code:

    nova-notify.py NOVA_CONF HOST SERVER_ID ACTION PHASE
"""
import sys

from oslo_utils import timeutils

import nova.conf
from nova import context, objects, rpc
from nova.compute import utils
from nova.network import model

conf, host, server_id, action, phase = sys.argv[1:]
rpc.set_defaults(control_exchange='nova')
nova.conf.CONF([], project='nova', default_config_files=[conf])
objects.register_all()
rpc.init(nova.conf.CONF)

now = timeutils.utcnow(with_timezone=True)
caller = context.RequestContext('user', 'project', is_admin=True)
flavor = objects.Flavor(
    name='m256', flavorid='a22d5517-147c-4147-a0d1-e698df5cd4e3', memory_mb=256, vcpus=1, root_gb=1, ephemeral_gb=0,
    swap=0, rxtx_factor=1.0, vcpu_weight=0, disabled=False, is_public=True, extra_specs={}, projects=[],
    description=None)
instance = objects.Instance(
    caller, id=1, uuid=server_id, user_id='user', project_id='project', display_name='a "uuid": "none"',
    display_description='', hostname='vm', host=host, node=host, image_ref='155d900f-4e14-4e4c-a73d-069cbf4541e6',
    kernel_id='', ramdisk_id='', key_name=None, availability_zone='nova', architecture=None, os_type=None,
    auto_disk_config=False, reservation_id='r-1', created_at=now, updated_at=now, launched_at=now, terminated_at=None,
    deleted_at=None, deleted=False, locked=False, locked_by=None, vm_state='active', task_state='migrating',
    power_state=1, progress=0, metadata={}, system_metadata={}, flavor=flavor,
    info_cache=objects.InstanceInfoCache(network_info=model.NetworkInfo([])),
    keypairs=objects.KeyPairList(objects=[]), tags=objects.TagList(objects=[]))
utils.notify_about_instance_action(caller, instance, host, action=action, phase=phase)
