// The fields of how packets get into a guest: options of an interface's driver.

import XMLTree

extension Vocabulary {
  static let interfaceDriver: [Field] =
    [
      driver("name", .enumeration(["qemu", "vhost", "kvm", "vfio", "xen"]), "What moves the packets.", "name"),
      driver(
        "model", .text(.word("the name of a driver of the host")),
        "The host's driver that an assigned card is bound to, where `vfio-pci` is not the one.", "model"
      ).since(10, 0),
      flag("iommufd", "Whether an assigned card is reached through IOMMUFD.", "@iommufd", .yesNo).since(12, 1),
      driver("queues", .integer(1...256), "The number of queue pairs.", "queues"),
      driver("rx-queue-size", .integer(1...1024), "The length of the queue for what is received.", "rx_queue_size"),
      driver("tx-queue-size", .integer(1...1024), "The length of the queue for what is sent.", "tx_queue_size"),
      driver("txmode", .enumeration(["iothread", "timer"]), "How packets are sent.", "txmode"),
      flag("ioeventfd", "Whether requests are handled apart from the guest's processors.", "@ioeventfd"),
      flag("event-idx", "Whether notifications are saved by event indexes.", "@event_idx"),
      flag("rss", "Whether received packets are spread over the queues.", "@rss"),
      flag("rss-hash-report", "Whether the guest gets the packets' hashes.", "@rss_hash_report"),
    ]
    + ["csum", "gso", "tso4", "tso6", "ecn", "ufo", "mrg_rxbuf"].map {
      flag("host-\($0.replacingUnderscore)", "Whether the host offers the offload `\($0)`.", "host/@\($0)")
    }
    + ["csum", "tso4", "tso6", "ecn", "ufo"].map {
      flag("guest-\($0)", "Whether the guest may use the offload `\($0)`.", "guest/@\($0)")
    } + DeviceFields.virtio

  private static func driver(_ name: String, _ kind: ValueType, _ summary: String, _ attribute: String) -> Field {
    Field("driver.\(name)", kind, summary, at: "driver/@\(attribute)", reference: interfaceReference)
  }

  private static func flag(
    _ name: String, _ summary: String, _ path: String, _ notation: Notation = .onOff
  ) -> Field {
    Field("driver.\(name)", .boolean, summary, at: "driver/\(path)", notation, reference: interfaceReference)
  }
}

extension String {
  fileprivate var replacingUnderscore: String { String(map { $0 == "_" ? "-" : $0 }) }
}
