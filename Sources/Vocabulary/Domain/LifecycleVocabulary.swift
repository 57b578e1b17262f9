// The fields of a domain that Vireo itself acts on: what the guest does, when it is ready, what may be done to it.

extension Vocabulary {
  static let domainLifecycle: [Field] = [
    Field(
      "state", .enumeration(["running", "stopped", "paused", "absent", "any"]),
      """
      The desired state of the guest. `any`, the default, leaves it as it is and does not start a new one. `absent` takes \
      the domain away, and leaves its disks.
      """,
      effect: .live(
        by: "virDomainCreateWithFlags", "virDomainShutdownFlags", "virDomainDestroyFlags", "virDomainSuspend",
        "virDomainResume")),
    Field(
      "autostart", .boolean, "Whether libvirt starts the guest when the host starts. Unchanged if not set.",
      effect: .define, reference: "html/libvirt-libvirt-domain.html#virDomainSetAutostart"),
    Field(
      "count", .integer(1...10_000),
      """
      Makes this many domains of the entry, named with a hyphen and their number: `web-1`, `web-2`. `${index}` in a \
      value stands for the number.
      """, effect: .replace),
    Field(
      "defaults", .enumeration(["vireo", "libvirt"]),
      """
      Who completes a new domain: `vireo`, the default, with today's hardware, a console, an agent's channel and free \
      ports; `libvirt` with what the spec says and no more, which is what an imported domain needs. Devices that you add \
      to an imported domain are completed by Vireo in either case.
      """, effect: .define),
    Field(
      "profiles", .list(of: .reference(collection: "profiles")),
      "Profiles whose values the domain takes does not set itself; a later profile wins.",
      effect: .define),
    Field(
      "max-effect", .enumeration(Effect.allCases.map(\.rawValue)),
      """
      How disruptive a change of the domain may be. With a change that costs more the domain is refused, and the change is \
      named. `define` is the least, then come `live`, `next-boot`, `restart`, `offline`, `replace`, `delete` and `data-loss`.
      """, effect: .define),
    Field(
      "renamed-from", .text(.domainName),
      """
      The name that the domain had. A stopped domain of that name is given the new one, and keeps UUID, snapshots, disks and \
      UEFI variables; where there is none the field says nothing, and can be left out.
      """, effect: .define, isRecorded: false, reference: "html/libvirt-libvirt-domain.html#virDomainRename"),
    Field(
      "protect", .boolean,
      """
      Whether the domain is never deleted, whatever a spec or a command says. It is kept with the domain itself: to take \
      the protection away, apply `false`.
      """, effect: .define),
    Field(
      "restart-policy", .enumeration(["never", "when-needed"]),
      """
      Whether an apply may restart the running guest for what cannot be changed as it runs. `never`, the default, leaves \
      that waiting for the next start. With `when-needed` the guest is asked to shut down, as `shutdown` says, and started \
      again; one that does not start with its new definition gets the old one back.
      """, effect: .define),
    Field(
      "shutdown.timeout", .duration,
      "How long a guest that is asked to shut down may take; the default is 2 min.", effect: .define),
    Field(
      "shutdown.force-off", .boolean,
      """
      Whether a guest that has not shut down in time may be forced off, which is like pulling the plug. Without this \
      consent the stop fails and the guest goes on.
      """, effect: .define),
    Field(
      "shutdown.mode", .enumeration(["agent", "acpi"]),
      """
      Who is asked: the agent in the guest, or the power button. If not set, the agent where one answers, and the \
      button otherwise.
      """, effect: .define, reference: "html/libvirt-libvirt-domain.html#virDomainShutdownFlagValues"),
    Field(
      "ready.lease", .boolean,
      "Whether the guest is ready only when it has an address from the DHCP server of a libvirt network.",
      effect: .define),
    Field(
      "ready.agent", .boolean, "Whether the guest is ready only when the agent in it answers.", effect: .define,
      reference: "html/libvirt-libvirt-domain.html#virDomainGetTime"),
    Field(
      "ready.tcp", .integer(1...65535),
      "The port of the guest that must take a TCP connection from the host before the guest is ready.", effect: .define),
    Field(
      "ready.address", .text(.ipAddress),
      """
      The guest's address that the port is tried at. If not set, the addresses in DHCP leases and from the agent.
      """, effect: .define),
    Field(
      "ready.timeout", .duration,
      """
      How long a started guest may take until it is ready; the default is 5 min. One that is not by then is reported as a \
      failure; where this apply had changed its definition, it gets the old one back.
      """, effect: .define),
    Field(
      "depends-on", .list(of: .text(.domainName)),
      """
      Domains of the stack that this one needs: where they are started too, it is started when they are ready, and it is \
      stopped before they are. An entry with `count` stands for all of its domains.
      """, effect: .define),
    Field(
      "exclusive-with", .list(of: .text(.domainName)),
      """
      Domains of the stack that never run at the same time as this one, such as another definition of the same guest: they \
      may have the same disks. It holds in both directions, and no apply starts one while another runs.
      """, effect: .define),
    Field(
      "snapshot-before", .list(of: .enumeration(["restart", "offline", "delete", "replace"])),
      """
      Before which effects an apply takes a snapshot of the domain, `before-restart-1` and so on: `restart` and `offline` \
      of the running guest, `delete` of one that is undefined, for `vireo restore` to bring back; `replace` is an earlier \
      name of `delete`. A guest without a disk that it writes to has nothing to keep.
      """, effect: .define),
    Field(
      "snapshot-retention.count", .integer(1...1000),
      """
      How many of the snapshots that `snapshot-before` takes are kept; the default is 3. Older ones are deleted once the \
      guest is where the apply wants it.
      """, effect: .define),
    Field(
      "snapshot-retention.age", .duration,
      "The age from which snapshots that `snapshot-before` has taken are deleted; the last one stays.", effect: .define),
  ]

  static let lifecycleGroups = [
    FieldGroup("shutdown", "How a guest is stopped."),
    FieldGroup("ready", "When a started guest is ready: all that is said here must be so."),
    FieldGroup("snapshot-retention", "How many snapshots of `snapshot-before` are kept."),
  ]
}

/// What a guest should be doing.
public enum WantedState: String, FieldWord {
  /// A guest whose processors run.
  case running
  /// No guest; the definition stays.
  case stopped
  /// A guest whose processors are held.
  case paused
  /// No domain at all.
  case absent
  /// Whatever it does now.
  case any
}

/// Who completes a new domain.
public enum Completion: String, FieldWord {
  /// Vireo gives what guests usually need, such as a CPU model and a clock.
  case vireo
  /// libvirt alone; the definition has what the spec says.
  case libvirt
}

/// Whether an apply may restart the running guest.
public enum RestartPolicy: String, FieldWord {
  /// What a running guest cannot be given waits for its next start.
  case never
  /// The guest is shut down and started again.
  case whenNeeded = "when-needed"
}

extension FieldKey<WantedState> {
  /// What a domain's guest should be doing.
  public static var state: Self { Self("state") }
}

extension FieldKey<Completion> {
  /// Who completes a new domain.
  public static var defaults: Self { Self("defaults") }
}

extension FieldKey<RestartPolicy> {
  /// Whether an apply may restart the running guest.
  public static var restartPolicy: Self { Self("restart-policy") }
}

extension FieldKey<Effect> {
  /// How disruptive a change of the domain may be.
  public static var maxEffect: Self { Self("max-effect") }
}

extension FieldKey<String> {
  /// The name that a domain has on the host until it is renamed.
  public static var renamedFrom: Self { Self("renamed-from") }

  /// Who is asked to shut the guest down.
  public static var shutdownMode: Self { Self("shutdown.mode") }

  /// The guest's address that its port is tried at.
  public static var readyAddress: Self { Self("ready.address") }
}

extension FieldKey<[String]> {
  /// The profiles whose values a domain has, the last with the last word.
  public static var profiles: Self { Self("profiles") }

  /// The domains that a domain needs.
  public static var dependsOn: Self { Self("depends-on") }

  /// The domains that a domain must not run beside.
  public static var exclusiveWith: Self { Self("exclusive-with") }

  /// The effects before which a snapshot is taken.
  public static var snapshotBefore: Self { Self("snapshot-before") }
}

extension FieldKey<Bool> {
  /// Whether libvirt starts a domain, a network or a pool when the host starts.
  public static var autostart: Self { Self("autostart") }

  /// Whether a domain is never deleted.
  public static var protect: Self { Self("protect") }

  /// Whether a guest that has not shut down in time may be forced off.
  public static var shutdownForceOff: Self { Self("shutdown.force-off") }

  /// Whether a guest is ready only when it has an address from libvirt's DHCP server.
  public static var readyLease: Self { Self("ready.lease") }

  /// Whether a guest is ready only when the agent in it answers.
  public static var readyAgent: Self { Self("ready.agent") }
}

extension FieldKey<Int> {
  /// How many domains an entry makes.
  public static var count: Self { Self("count") }

  /// How many seconds a guest may take to shut down.
  public static var shutdownTimeout: Self { Self("shutdown.timeout") }

  /// The port that must take a connection before the guest is ready.
  public static var readyTCP: Self { Self("ready.tcp") }

  /// How many seconds a started guest may take until it is ready.
  public static var readyTimeout: Self { Self("ready.timeout") }

  /// How many of the snapshots that `snapshot-before` takes are kept.
  public static var retainedSnapshots: Self { Self("snapshot-retention.count") }

  /// The age in seconds from which such snapshots are deleted.
  public static var snapshotAge: Self { Self("snapshot-retention.age") }
}
