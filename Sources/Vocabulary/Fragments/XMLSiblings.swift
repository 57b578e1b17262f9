// How elements of libvirt's XML find their counterparts among siblings of the same name: which of them are distinguished by
// what, whose order means something, and which values mean the same in another notation.

public import XMLTree

/// The rule for elements of one name under one parent.
///
/// From libvirt's documentation of its formats (formatdomain.html, formatnetwork.html, formatstorage.html).
enum XMLSiblings: Sendable {
  /// There is one at most.
  case single
  /// Told apart by the values at these paths; those that a fragment leaves out are not asked for.
  case keyed([XMLPath])
  /// A list whose order means something: equal as a whole, or replaced as a whole.
  case list
  /// Each stands for itself.
  case set

  /// The rule for children called `name` of an element, nil where there is no special one: one is a single one, several
  /// are a set.
  static func rule(for name: String, under parent: String) -> XMLSiblings? {
    table["\(parent)/\(name)"] ?? table["*/\(name)"]
  }

  private static let table: [String: XMLSiblings] = [
    // Of the guest.
    "os/boot": .list, "os/initarg": .list, "os/initenv": .keyed(["@name"]),
    "firmware/feature": .keyed(["@name"]),
    "cpu/feature": .keyed(["@name"]), "numa/cell": .keyed(["@id"]), "distances/sibling": .keyed(["@id"]),
    "cell/cache": .keyed(["@level"]),
    "interconnects/latency": .keyed(["@initiator", "@target", "@cache", "@type"]),
    "interconnects/bandwidth": .keyed(["@initiator", "@target", "@cache", "@type"]),
    "clock/timer": .keyed(["@name"]),
    "vcpus/vcpu": .keyed(["@id"]), "iothreadids/iothread": .keyed(["@id"]),
    "cputune/vcpupin": .keyed(["@vcpu"]), "cputune/iothreadpin": .keyed(["@iothread"]),
    "cputune/vcpusched": .keyed(["@vcpus"]), "cputune/iothreadsched": .keyed(["@iothreads"]),
    "cputune/cachetune": .keyed(["@vcpus"]), "cachetune/cache": .keyed(["@id", "@level", "@type"]),
    "cachetune/monitor": .keyed(["@level", "@vcpus"]), "cputune/memorytune": .keyed(["@vcpus"]),
    "memorytune/node": .keyed(["@id"]), "memorytune/monitor": .keyed(["@vcpus"]),
    "numatune/memnode": .keyed(["@cellid"]), "hugepages/page": .keyed(["@size", "@unit", "@nodeset"]),
    "blkiotune/device": .keyed(["path"]), "throttlegroups/throttlegroup": .keyed(["group_name"]),
    "domain/sysinfo": .keyed(["@type"]), "system/entry": .keyed(["@name"]), "bios/entry": .keyed(["@name"]),
    "chassis/entry": .keyed(["@name"]), "sysinfo/entry": .keyed(["@name"]), "sysinfo/baseBoard": .list,
    "baseBoard/entry": .keyed(["@name"]), "oemStrings/entry": .list,
    "domain/seclabel": .keyed(["@model"]), "perf/event": .keyed(["@name"]),
    "keywrap/cipher": .keyed(["@name"]), "idmap/uid": .list, "idmap/gid": .list,
    "commandline/arg": .list, "commandline/env": .keyed(["@name"]),
    // Of devices.
    "devices/disk": .keyed(["target/@dev"]), "devices/interface": .keyed(["mac/@address"]),
    "devices/controller": .keyed(["@type", "@index"]), "devices/graphics": .keyed(["@type"]),
    "devices/channel": .keyed(["target/@name"]), "devices/input": .set, "devices/hostdev": .set,
    "devices/redirdev": .set, "devices/sound": .set, "devices/audio": .keyed(["@id"]), "devices/video": .set,
    "devices/rng": .set, "devices/shmem": .keyed(["@name"]), "devices/memory": .set, "devices/hub": .set,
    "devices/filesystem": .keyed(["target/@dir"]), "devices/smartcard": .set, "devices/watchdog": .set,
    "devices/panic": .set, "devices/lease": .keyed(["lockspace", "key"]), "devices/serial": .keyed(["target/@port"]),
    "devices/parallel": .keyed(["target/@port"]), "devices/console": .keyed(["target/@port", "target/@type"]),
    "source/host": .list, "source/slices": .single, "slices/slice": .keyed(["@type"]),
    "cookies/cookie": .keyed(["@name"]), "vlan/tag": .list, "graphics/listen": .list,
    "graphics/channel": .keyed(["@name"]), "filterref/parameter": .list, "redirfilter/usbdev": .list,
    "throttlefilters/throttlefilter": .list, "iothreads/iothread": .keyed(["@id"]), "iothread/queue": .keyed(["@id"]),
    "statistics/statistic": .list, "statistics/latency-histogram": .list, "latency-histogram/bin": .list,
    "interface/portForward": .list, "portForward/range": .list,
    "interface/ip": .list, "interface/route": .list, "source/ip": .list, "source/route": .list,
    "acpi/table": .list, "nvram/source": .single,
    // Of networks.
    "network/ip": .keyed(["@address", "@family"]), "network/route": .list, "network/portgroup": .keyed(["@name"]),
    "dns/host": .keyed(["@ip"]), "host/hostname": .list, "dns/forwarder": .list, "dns/srv": .set,
    "dns/txt": .keyed(["@name"]), "dhcp/range": .keyed(["@start", "@end"]),
    "dhcp/host": .keyed(["@mac", "@id", "@name"]), "forward/interface": .list, "forward/pf": .single,
    "forward/address": .list, "options/option": .list,
    // Of pools.
    "source/device": .list, "mount_opts/option": .list, "config_opts/option": .keyed(["@name"]),
  ]
}

extension XMLDifferenceOptions {
  /// Tells siblings apart as merging does, where one value does that.
  public static let siblings = XMLDifferenceOptions(identity: { element in
    if element.name == "throttlegroup" { return "group_name" }
    // Without the parent's name only what is distinguished in the same way everywhere can be.
    return ["target/@dev", "@name", "@id"].first { element.exists(at: $0) }
  })
}

// MARK: - Pairs

extension XMLElement {
  /// Whether two elements have the same name in the same namespace.
  func isKin(of other: XMLElement) -> Bool {
    name == other.name
      && (namespaceURI ?? "" == other.namespaceURI ?? "" || (prefix == other.prefix && prefix != nil))
  }

  /// Whether an element may have all that a fragment says: none of its own attributes says otherwise. Quick, so that few of
  /// many siblings are looked at in depth.
  fileprivate func mayMeet(_ wanted: XMLElement) -> Bool {
    wanted.attributes.allSatisfy { attribute in
      attribute.name == "unit"
        || self[attribute: attribute.name].map { XMLScalar.isEquivalent($0, attribute.value) } ?? false
    }
  }

  /// Whether the values that tell elements apart agree, as far as `wanted` has them; false when it has none.
  func hasKey(of wanted: XMLElement, _ paths: [XMLPath]) -> Bool {
    var hasAny = false
    for path in paths {
      guard let value = wanted.value(at: path) else { continue }
      hasAny = true
      guard let own = self.value(at: path), XMLScalar.isEquivalent(own, value) else { return false }
    }
    return hasAny
  }
}

/// Pairs elements that are wanted with those that are there.
///
/// - Returns: for each of `wanted` the index of its counterpart in `present`, nil where it has none.
package func counterparts(of wanted: [XMLElement], among present: [XMLElement], under parent: String) -> [Int?] {
  guard let first = wanted.first else { return [] }
  var free = Set(present.indices)
  func take(_ index: Int?) -> Int? {
    if let index { free.remove(index) }
    return index
  }
  // Those that are there just as they are wanted first, so that none of them is changed for another's sake.
  var pairs: [Int?] = wanted.map { element in
    take(
      present.indices.first {
        free.contains($0) && present[$0].mayMeet(element) && XMLFragment(element).isMet(within: present[$0])
      })
  }
  let rule = XMLSiblings.rule(for: first.name, under: parent)
  for (index, element) in wanted.enumerated() where pairs[index] == nil {
    if let alias = element.value(at: "alias/@name"), parent == "devices" {
      pairs[index] = take(present.indices.first { free.contains($0) && present[$0].value(at: "alias/@name") == alias })
      if pairs[index] != nil { continue }
    }
    switch rule {
    case .keyed(let paths):
      pairs[index] = take(present.indices.first { free.contains($0) && present[$0].hasKey(of: element, paths) })
    case .single: pairs[index] = take(free.min())
    case .set, .list: break
    case nil: if wanted.count == 1, present.count == 1 { pairs[index] = take(free.min()) }
    }
  }
  return pairs
}
