// The documents that these tests read: a few of their own, and the corpus where there is one.

import Glibc
import XMLTree

enum Documents {
  /// The folder with test documents, from the environment variable `VIREO_CORPUS`; nil when it is not set.
  static let corpusFolder: String? = getenv("VIREO_CORPUS").map { String(cString: $0) }

  /// All XML files of the corpus, folders below it included, in name order.
  static let corpus: [String] = {
    guard let corpusFolder else { return [] }
    var found: [String] = []
    func collect(_ folder: String) {
      guard let handle = opendir(folder) else { return }
      defer { closedir(handle) }
      while let entry = readdir(handle) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
          $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name.hasPrefix(".") { continue }
        let path = folder + "/" + name
        if entry.pointee.d_type == UInt8(DT_DIR) { collect(path) }
        if name.hasSuffix(".xml") { found.append(path) }
      }
    }
    collect(corpusFolder)
    return found.sorted()
  }()

  static func read(_ path: String) throws -> String {
    guard let file = fopen(path, "r") else { throw ReadError(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = fread(&block, 1, block.count, file)
      if count <= 0 { break }
      bytes += block[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  struct ReadError: Error { let path: String }

  /// A domain in the form in which libvirt writes it, with two foreign namespaces.
  static let domain = """
    <domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
      <name>web-1</name>
      <uuid>38644c45-5227-4936-8b38-bc4f72c355bb</uuid>
      <description>Fish &amp; chips &lt;daily&gt;</description>
      <metadata>
        <lab:note lab:kind='mixed' xmlns:lab='https://example.org/lab/1.0'>read <lab:b>this</lab:b> first</lab:note>
        <inventory xmlns='https://example.org/inventory'>
          <rack unit='7'/>
        </inventory>
      </metadata>
      <memory unit='KiB'>1048576</memory>
      <vcpu placement='static'>2</vcpu>
      <os>
        <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
        <boot dev='hd'/>
        <boot dev='network'/>
      </os>
      <features>
        <acpi/>
        <apic/>
      </features>
      <cpu mode='custom' match='exact'>
        <model fallback='forbid'>qemu64</model>
        <feature policy='require' name='vmx'/>
        <feature policy='disable' name='svm'/>
      </cpu>
      <devices>
        <!-- the system disk -->
        <disk type='file' device='disk'>
          <driver name='qemu' type='qcow2'/>
          <source file='/srv/vms/web-1-root.qcow2'/>
          <target dev='vda' bus='virtio'/>
        </disk>
        <disk type='file' device='disk'>
          <driver name='qemu' type='raw'/>
          <source file='/srv/vms/web-1-data.raw'/>
          <target dev='vdb' bus='virtio'/>
        </disk>
      </devices>
      <qemu:commandline>
        <qemu:arg value='-newarg'/>
      </qemu:commandline>
    </domain>

    """

  /// Documents that stress the form rather than the content.
  static let own: [String] = [
    domain,
    "<a/>",
    "<a>text</a>",
    "<a>  </a>",
    "<a><![CDATA[<b>&amp;]]></a>",
    "<a>x<b/>y <c> z </c></a>",
    "<a><!-- only a comment --></a>",
    "<a><?php echo 1?><b/></a>",
    "<a b='1' c=\"it's\" d='&quot;&#9;&#10;&#13;'>&#13;&#x1F600;é</a>",
    "<a xmlns='urn:x'><b xmlns=''/><c/></a>",
    "<p:a xmlns:p='urn:p' p:b='1'><p:c xmlns:p='urn:q'/></p:a>",
    "<a xml:space='preserve'> <b/> </a>",
  ]
}
