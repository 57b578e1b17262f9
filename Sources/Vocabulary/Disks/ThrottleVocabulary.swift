// Throttle groups: limits of the speed of disks by name, several of which can hold for a disk.

import XMLTree

extension Vocabulary {
  static let diskTuning: [Field] =
    ["total", "read", "write"].flatMap { way in
      [("bytes", "bytes"), ("iops", "requests")].flatMap { unit, words in
        let of = way == "total" ? "in all" : way == "read" ? "read" : "written"
        let fields = [
          Field.count(
            "iotune.\(way)-\(unit)", "The most \(words) \(of) in a second.", at: "iotune/\(way)_\(unit)_sec",
            effect: .live(.blockIO("\(way)_\(unit)_sec")),
            reference: diskReference),
          Field.count(
            "iotune.\(way)-\(unit)-max", "The most \(words) \(of) in a second of a burst.",
            at: "iotune/\(way)_\(unit)_sec_max", effect: .live(.blockIO("\(way)_\(unit)_sec_max")),
            reference: diskReference),
          Field.count32(
            "iotune.\(way)-\(unit)-max-length", "How many seconds a burst of \(words) \(of) may last.",
            at: "iotune/\(way)_\(unit)_sec_max_length", effect: .live(.blockIO("\(way)_\(unit)_sec_max_length")),
            reference: diskReference),
        ]
        // A limit is one of all that is read and written, or one of each.
        return fields.map { field in
          way == "total"
            ? field : field.never(with: "iotune.total-" + field.name.dropFirst("iotune.\(way)-".count))
        }
      }
    } + [
      .count(
        "iotune.size-iops", "The bytes that count as one request.", at: "iotune/size_iops_sec",
        effect: .live(.blockIO("size_iops_sec")), reference: diskReference
      ),
      Field(
        "iotune.group", .text(.line), "The group of disks that share the limits.", at: "iotune/group_name",
        effect: .live(.blockIO("group_name")), reference: diskReference),
      diskThrottling,
    ]

  static let domainThrottling: [Field] = [
    Field(
      "throttle-groups",
      """
      Limits of the speed of disks, by the name of a group. Disks that name the group under `throttle-groups` of their own \
      share its limits; 0 means no limit.
      """, table: "throttlegroups", "throttlegroup", key: "group_name", .throttleGroup, .record(limits),
      effect: .live(.throttleGroups), reference: "formatdomain.html#disk-throttle-group-management"
    ).since(11, 2)
  ]

  static let diskThrottling = Field(
    "throttle-groups", .list(of: .text(.throttleGroup)),
    """
    The domain's `throttle-groups` whose limits hold for the disk, all of them, in the order in which requests pass them. \
    `iotune` is another way, and excludes this one.
    """, lens: .list("throttlefilters", "throttlefilter", .at("@group", .text(.throttleGroup))),
    reference: diskReference
  ).since(11, 2)

  private static let limits: [Part] =
    ["total", "read", "write"].flatMap { way in
      [("bytes", "bytes"), ("iops", "requests")].flatMap { unit, words in
        let of = way == "total" ? "in all" : way == "read" ? "read" : "written"
        let parts = [
          limit("\(way)-\(unit)", "The most \(words) \(of) in a second.", "\(way)_\(unit)_sec"),
          limit("\(way)-\(unit)-max", "The most \(words) \(of) in a second of a burst.", "\(way)_\(unit)_sec_max"),
          limit(
            "\(way)-\(unit)-max-length", "How many seconds a burst of \(words) \(of) may last.",
            "\(way)_\(unit)_sec_max_length", most: Int(UInt32.max)),
        ]
        return parts.map { part in
          way == "total" ? part : part.never(with: "total-" + part.member.name.dropFirst("\(way)-".count))
        }
      }
    } + [limit("size-iops", "The bytes that count as one request.", "size_iops_sec")]

  private static func limit(
    _ name: String, _ summary: String, _ element: String, most: Int = .max
  ) -> Part {
    Part(name, .integer(0...most), summary, at: element)
  }

  /// The names that libvirt's call has for the limits of a group, by their members here.
  public static let throttleParameters: [String: String] = Dictionary(
    uniqueKeysWithValues: limits.map { ($0.member.name, $0.lens.places[0]) })
}

extension TextRule {
  static let throttleGroup = TextRule.word("the name of a throttle group")
}

extension FieldKey<FieldValue> {
  /// The throttle groups of a domain, by name; those that a disk is in.
  public static var throttleGroups: Self { Self("throttle-groups") }
}
