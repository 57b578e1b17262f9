// Limits and weights of a running guest, which libvirt takes as lists of named values.

import CLibvirt

/// A value with the type that libvirt wants it in (virTypedParameterType).
public enum DomainParameter: Hashable, Sendable {
  /// VIR_TYPED_PARAM_ULLONG: `cpu_shares`, `total_bytes_sec`, memory limits in KiB.
  case unsigned(UInt64)
  /// VIR_TYPED_PARAM_LLONG: `vcpu_quota`, where -1 stands for no limit.
  case signed(Int64)
  /// VIR_TYPED_PARAM_UINT: the `weight` of disks.
  case unsigned32(UInt32)
  /// VIR_TYPED_PARAM_INT: the thread numbers of an I/O thread's pool.
  case signed32(Int32)
  /// VIR_TYPED_PARAM_BOOLEAN: whether an event is counted.
  case boolean(Bool)
  /// VIR_TYPED_PARAM_STRING: lists that libvirt parses itself, such as `numa_nodeset`.
  case text(String)
}

extension LibvirtDomain {
  /// Changes how the host's processors serve the domain: `cpu_shares`, `vcpu_quota` and so on
  /// (libvirt-domain.h, VIR_DOMAIN_SCHEDULER_*).
  public func setSchedulerParameters(
    _ parameters: [String: DomainParameter], scope: DomainChangeScope = []
  ) async throws {
    try await change("set the scheduler parameters of") { domain in
      parameters.withParameters { virDomainSetSchedulerParametersFlags(domain, $0, $1, scope.rawValue) }
    }
  }

  /// Changes limits of memory, in KiB: `hard_limit` and so on (libvirt-domain.h, VIR_DOMAIN_MEMORY_*).
  public func setMemoryParameters(
    _ parameters: [String: DomainParameter], scope: DomainChangeScope = []
  ) async throws {
    try await change("set the memory parameters of") { domain in
      parameters.withParameters { virDomainSetMemoryParameters(domain, $0, $1, scope.rawValue) }
    }
  }

  /// Changes the weight of the domain's disks on the host, of all or of one device (libvirt-domain.h, VIR_DOMAIN_BLKIO_*).
  public func setBlockParameters(
    _ parameters: [String: DomainParameter], scope: DomainChangeScope = []
  ) async throws {
    try await change("set the block parameters of") { domain in
      parameters.withParameters { virDomainSetBlkioParameters(domain, $0, $1, scope.rawValue) }
    }
  }

  /// Changes the limits of a disk's speed: `total_bytes_sec` and so on; 0 means no limit
  /// (libvirt-domain.h, VIR_DOMAIN_BLOCK_IOTUNE_*). What is not named stays.
  public func setBlockIOTune(
    _ target: String, _ parameters: [String: DomainParameter], scope: DomainChangeScope = []
  ) async throws {
    try await change("limit disk \(target) of") { domain in
      parameters.withParameters { virDomainSetBlockIoTune(domain, target, $0, $1, scope.rawValue) }
    }
  }
}

extension [String: DomainParameter] {
  /// Calls a libvirt function with the parameters in its own form.
  func withParameters(_ body: (virTypedParameterPtr?, Int32) -> Int32) -> Int32 {
    var list: virTypedParameterPtr?
    var (count, capacity) = (Int32(0), Int32(0))
    defer { virTypedParamsFree(list, count) }
    for (name, value) in sorted(by: { $0.key < $1.key }) {
      let result =
        switch value {
        case .unsigned(let number): virTypedParamsAddULLong(&list, &count, &capacity, name, number)
        case .signed(let number): virTypedParamsAddLLong(&list, &count, &capacity, name, number)
        case .unsigned32(let number): virTypedParamsAddUInt(&list, &count, &capacity, name, number)
        case .signed32(let number): virTypedParamsAddInt(&list, &count, &capacity, name, number)
        case .boolean(let isOn): virTypedParamsAddBoolean(&list, &count, &capacity, name, isOn ? 1 : 0)
        case .text(let text): virTypedParamsAddString(&list, &count, &capacity, name, text)
        }
      guard result == 0 else { return result }
    }
    return body(list, count)
  }
}
