// Changes to a domain's devices, sizes and metadata, of the running guest or the stored definition.

import CLibvirt

extension LibvirtDomain {
  /// Adds the device that `xml` describes.
  public func attachDevice(_ xml: String, scope: DomainChangeScope = []) async throws {
    try await change("attach a device to") { virDomainAttachDeviceFlags($0, xml, scope.rawValue) }
  }

  /// Removes the device that `xml` describes.
  ///
  /// On a running guest, success means that the guest was asked: the device is gone when the guest agrees. See
  /// ``waitUntilDeviceRemoved(alias:timeout:)``.
  public func detachDevice(_ xml: String, scope: DomainChangeScope = []) async throws {
    try await change("detach a device from") { virDomainDetachDeviceFlags($0, xml, scope.rawValue) }
  }

  /// Removes the device with this alias. As ``detachDevice(_:scope:)``, success on a running guest means: asked.
  public func detachDevice(alias: String, scope: DomainChangeScope = []) async throws {
    try await change("detach device \(alias) from") { virDomainDetachDeviceAlias($0, alias, scope.rawValue) }
  }

  /// Changes the device that `xml` describes to what `xml` says.
  ///
  /// - Parameter force: also where the guest holds on to it, for example a locked CD-ROM drive.
  public func updateDevice(_ xml: String, scope: DomainChangeScope = [], force: Bool = false) async throws {
    let flags = scope.rawValue | (force ? UInt32(VIR_DOMAIN_DEVICE_MODIFY_FORCE.rawValue) : 0)
    try await change("change a device of") { virDomainUpdateDeviceFlags($0, xml, flags) }
  }

  /// Sets the virtual size of a running guest's disk.
  ///
  /// libvirt also **shrinks** without asking; callers compare with ``blockInfo(_:)`` first.
  ///
  /// - Parameters:
  ///   - target: the disk's target (`vda`) or source path.
  ///   - bytes: the new size.
  public func blockResize(_ target: String, bytes: UInt64) async throws {
    let flags = UInt32(VIR_DOMAIN_BLOCK_RESIZE_BYTES.rawValue)
    try await change("resize disk \(target) of") { virDomainBlockResize($0, target, bytes, flags) }
  }

  /// Sets the memory that the guest may use.
  ///
  /// - Parameters:
  ///   - kibibytes: the amount, in KiB.
  ///   - maximum: the limit (`<memory>`), not the present amount (`<currentMemory>`). Not on a running guest.
  public func setMemory(kibibytes: UInt, maximum: Bool = false, scope: DomainChangeScope = []) async throws {
    let flags = scope.rawValue | (maximum ? UInt32(VIR_DOMAIN_MEM_MAXIMUM.rawValue) : 0)
    try await change("set the memory of") { virDomainSetMemoryFlags($0, kibibytes, flags) }
  }

  /// Sets the number of vcpus, up to the maximum, or the maximum itself.
  public func setVcpus(
    _ count: UInt32, _ options: DomainVcpuOptions = [], scope: DomainChangeScope = []
  ) async throws {
    try await change("set the vcpus of") { virDomainSetVcpusFlags($0, count, options.rawValue | scope.rawValue) }
  }

  /// Sets, or with `nil` removes, a piece of metadata. Live and stored copies are apart; a later definition that leaves
  /// the stored one out drops it.
  ///
  /// - Parameter prefix: the namespace's prefix that an element is stored with.
  public func setMetadata(
    _ kind: DomainMetadataKind, _ value: String?, prefix: String? = nil, scope: DomainChangeScope = []
  ) async throws {
    try await change("set the metadata of") { domain in
      let (type, namespace) = kind.parameters
      return virDomainSetMetadata(domain, type, value, prefix, namespace, scope.rawValue)
    }
  }
}
