// Networks and pools as libvirt writes them down.

enum ObjectDocuments {
  static let networks: [String: String] = [
    "nat": """
    <network>
      <name>lab</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>
      <forward dev='eth0' mode='nat'>
        <nat ipv6='yes'>
          <address start='192.0.2.10' end='192.0.2.20'/>
          <port start='500' end='1000'/>
        </nat>
        <interface dev='eth0'/>
      </forward>
      <bridge name='virbr5' zone='public' stp='off' delay='2' macTableManager='libvirt'/>
      <mtu size='9000'/>
      <mac address='52:54:00:6b:3c:58'/>
      <domain name='lab.example.org' localOnly='yes'/>
      <dns forwardPlainNames='no'>
        <forwarder addr='192.0.2.53'/>
        <forwarder domain='example.net'/>
        <forwarder domain='example.com' addr='2001:db8::53'/>
        <txt name='greeting' value='hello, world'/>
        <srv service='sip' protocol='udp' domain='example.com' target='sip' port='5060' priority='1' weight='2'/>
        <srv service='ldap' protocol='tcp'/>
        <host ip='10.10.0.2'>
          <hostname>gateway</hostname>
          <hostname>proxy</hostname>
        </host>
        <host ip='10.10.0.12'>
          <hostname>other</hostname>
        </host>
      </dns>
      <bandwidth>
        <inbound average='1000' peak='5000' burst='1024'/>
        <outbound average='128' burst='256'/>
      </bandwidth>
      <port isolated='yes'/>
      <ip address='10.10.0.1' netmask='255.255.255.0' localPtr='yes'>
        <tftp root='/srv/tftp'/>
        <dhcp>
          <range start='10.10.0.100' end='10.10.0.200'>
            <lease expiry='12' unit='hours'/>
          </range>
          <range start='10.10.0.20' end='10.10.0.30'/>
          <host mac='52:54:00:aa:00:01' name='web' ip='10.10.0.11'>
            <lease expiry='0'/>
          </host>
          <host mac='52:54:00:aa:00:02' ip='10.10.0.12'/>
          <host name='named' ip='10.10.0.13'/>
          <bootp file='pxelinux.0' server='10.10.0.1'/>
        </dhcp>
      </ip>
      <ip family='ipv4' address='10.20.0.1' prefix='16'>
      </ip>
      <ip family='ipv6' address='fd00:10::1' prefix='64'>
        <dhcp>
          <range start='fd00:10::100' end='fd00:10::1ff'/>
          <host id='0:3:0:1:0:16:3e:11:22:33' name='six' ip='fd00:10::11'/>
        </dhcp>
      </ip>
      <route address='10.99.0.0' prefix='16' gateway='10.10.0.2'/>
      <route family='ipv6' address='fd00:99::' prefix='48' gateway='fd00:10::2' metric='3'/>
    </network>
    """,
    "isolated": """
    <network ipv6='yes' trustGuestRxFilters='yes'>
      <name>empty</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d43</uuid>
      <bridge name='virbr7' stp='on' delay='0'/>
      <mac address='52:54:00:17:3f:47'/>
      <dns enable='no'/>
      <ip address='10.24.10.1'>
      </ip>
    </network>
    """,
    "dnsmasq": """
    <network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
      <name>options</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d44</uuid>
      <forward mode='open'/>
      <bridge name='virbr8' stp='on' delay='0'/>
      <mac address='52:54:00:17:3f:48'/>
      <ip address='10.25.0.1' prefix='24'>
      </ip>
      <dnsmasq:options>
        <dnsmasq:option value='foo=bar'/>
        <dnsmasq:option value='cname=*.foo.example.com,master.example.com'/>
      </dnsmasq:options>
    </network>
    """,
    "switch": """
    <network>
      <name>ovs</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d45</uuid>
      <forward mode='bridge'/>
      <bridge name='ovsbr0'/>
      <vlan trunk='yes'>
        <tag id='42' nativeMode='untagged'/>
        <tag id='47'/>
      </vlan>
      <virtualport type='openvswitch'>
        <parameters profileid='test'/>
      </virtualport>
      <portgroup name='red' default='yes' trustGuestRxFilters='no'>
        <vlan>
          <tag id='7'/>
        </vlan>
        <virtualport>
          <parameters interfaceid='2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d4f' profileid='red'/>
        </virtualport>
        <bandwidth>
          <inbound average='1000' peak='5000' floor='200' burst='5120'/>
        </bandwidth>
      </portgroup>
      <portgroup name='plain'>
      </portgroup>
    </network>
    """,
    "macvtap": """
    <network>
      <name>vepa</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d46</uuid>
      <forward dev='eth10' mode='vepa'>
        <interface dev='eth10'/>
        <interface dev='eth11'/>
      </forward>
      <virtualport type='802.1Qbg'>
        <parameters managerid='11' typeid='1193047' typeidversion='2' instanceid='2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d4f'/>
      </virtualport>
    </network>
    """,
    "hostdev": """
    <network>
      <name>devices</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d47</uuid>
      <forward mode='hostdev' managed='yes'>
        <driver name='vfio'/>
        <address type='pci' domain='0x0000' bus='0x03' slot='0x10' function='0x1'/>
        <address type='pci' domain='0x0001' bus='0x03' slot='0x1f' function='0x7'/>
      </forward>
    </network>
    """,
    "physical function": """
    <network>
      <name>functions</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d48</uuid>
      <forward mode='passthrough'>
        <pf dev='eth0'/>
      </forward>
    </network>
    """,
  ]

  private static let sizes = """
    <capacity unit='bytes'>0</capacity><allocation unit='bytes'>0</allocation><available unit='bytes'>0</available>
    """

  static let pools: [String: String] = [
    "dir": """
    <pool type='dir'>
      <name>images</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d42</uuid>
      \(sizes)
      <features>
        <cow state='no'/>
      </features>
      <source>
      </source>
      <target>
        <path>/var/lib/libvirt/&lt;images&gt;</path>
        <permissions>
          <mode>0700</mode>
          <owner>1000</owner>
          <group>0</group>
          <label>some_label_t</label>
        </permissions>
      </target>
    </pool>
    """,
    "disk": """
    <pool type='disk'>
      <name>multipath</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d43</uuid>
      \(sizes)
      <source>
        <device path='/dev/mapper/mpatha' part_separator='no'/>
        <format type='gpt'/>
      </source>
      <target>
        <path>/dev</path>
      </target>
    </pool>
    """,
    "netfs": """
    <pool type='netfs' xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'>
      <name>nfs</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d44</uuid>
      \(sizes)
      <source>
        <host name='nas.example.org'/>
        <dir path='/exports/images'/>
        <format type='nfs'/>
        <protocol ver='4.1'/>
      </source>
      <target>
        <path>/mnt</path>
      </target>
      <fs:mount_opts>
        <fs:option name='sync'/>
        <fs:option name='lazytime'/>
      </fs:mount_opts>
    </pool>
    """,
    "logical": """
    <pool type='logical'>
      <name>group</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d45</uuid>
      \(sizes)
      <source>
        <device path='/dev/sdb1'/>
        <device path='/dev/sdb2'/>
        <name>group</name>
        <format type='lvm2'/>
      </source>
      <target>
        <path>/dev/group</path>
      </target>
    </pool>
    """,
    "iscsi": """
    <pool type='iscsi'>
      <name>target</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d46</uuid>
      \(sizes)
      <source>
        <host name='iscsi.example.com' port='3260'/>
        <device path='iqn.2013-06.com.example:target'/>
        <initiator>
          <iqn name='iqn.2013-06.com.example:initiator'/>
        </initiator>
        <auth type='chap' username='admin'>
          <secret usage='libvirtiscsi'/>
        </auth>
        <vendor name='test-vendor'/>
        <product name='test-product'/>
      </source>
      <target>
        <path>/dev/disk/by-path</path>
      </target>
    </pool>
    """,
    "scsi": """
    <pool type='scsi'>
      <name>hba</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d47</uuid>
      \(sizes)
      <source>
        <adapter type='scsi_host'>
          <parentaddr unique_id='2'>
            <address domain='0x0000' bus='0x00' slot='0x1f' function='0x2'/>
          </parentaddr>
        </adapter>
      </source>
      <target>
        <path>/dev/disk/by-path</path>
      </target>
    </pool>
    """,
    "fibre channel": """
    <pool type='scsi'>
      <name>vhba</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d48</uuid>
      \(sizes)
      <source>
        <adapter type='fc_host' parent='scsi_host3' managed='yes' wwnn='20000000c9831b4b' wwpn='10000000c9831b4b'/>
      </source>
      <target>
        <path>/dev/disk/by-path</path>
      </target>
    </pool>
    """,
    "rbd": """
    <pool type='rbd' xmlns:rbd='http://libvirt.org/schemas/storagepool/rbd/1.0'>
      <name>ceph</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d49</uuid>
      \(sizes)
      <source>
        <host name='localhost' port='6789'/>
        <host name='fd00::9' port='6789'/>
        <name>rbd</name>
        <auth type='ceph' username='admin'>
          <secret uuid='2ec115d7-3a88-3ceb-bc12-0ac909a6fd87'/>
        </auth>
      </source>
      <refresh>
        <volume allocation='capacity'/>
      </refresh>
      <rbd:config_opts>
        <rbd:option name='client_mount_timeout' value='45'/>
        <rbd:option name='rados_mon_op_timeout' value='20'/>
      </rbd:config_opts>
    </pool>
    """,
    "mpath": """
    <pool type='mpath'>
      <name>mpath</name>
      <uuid>2b1d3c64-6f0e-5a3b-9f1e-0a6c1c7e9d4a</uuid>
      \(sizes)
      <source>
      </source>
      <target>
        <path>/dev/mapper</path>
      </target>
    </pool>
    """,
  ]
}
