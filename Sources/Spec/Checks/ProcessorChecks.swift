// NUMA cells against the memory and the vcpus of a domain, and buses against its machine: what libvirt would refuse, or
// change without a word.

import Diagnostics
import Vocabulary

/// Checks the NUMA cells of a domain.
enum NUMAChecks {
  /// A cell as the spec has it.
  private struct Cell {
    let number: Int
    let cpus: Set<Int>
    let memory: UInt64?
  }

  static func check(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard !domain.says(.xml) else { return }
    guard let setting = domain.setting(.numaCells) else {
      return
    }
    let cells = (setting.value.table ?? [:]).compactMap { name, value -> Cell? in
      guard let number = Int(name), let parts = value.table else { return nil }
      let cpus = parts[cpusName]?.string.flatMap(NumberSet.members) ?? []
      var memory: UInt64?
      if case .bytes(let bytes)? = parts[memoryName] { memory = bytes }
      return Cell(number: number, cpus: cpus, memory: memory)
    }.sorted { $0.number < $1.number }
    func report(_ message: String, _ suggestion: String, at range: SourceRange? = nil) {
      diagnostics.append(
        Diagnostic(
          "conflict", message, at: range ?? setting.range, subject: domain.title, suggestion: suggestion))
    }
    let numbers = cells.map(\.number)
    guard numbers == Array(0..<cells.count) else {
      let missing = (0...cells.count).first { !numbers.contains($0) } ?? 0
      report("there is no NUMA cell \(missing)", "number the cells from 0 on, without a gap")
      return
    }
    if let memory = domain[.memory], !domain.hasMalformed(.memory) {
      let amounts = cells.compactMap(\.memory)
      let (sum, isTooMuch) = amounts.reduce((UInt64(0), false)) { sum, amount in
        let (value, overflow) = sum.0.addingReportingOverflow(amount)
        return (value, sum.1 || overflow)
      }
      if isTooMuch || sum != memory, amounts.count == cells.count {
        report(
          isTooMuch
            ? "the NUMA cells have more memory than a size can be"
            : "the NUMA cells have \(ByteCount.text(sum)) of memory, and the domain has \(ByteCount.text(memory))",
          isTooMuch ? "make them smaller" : "write `memory: \(ByteCount.text(sum))`, or change the cells")
      }
    }
    checkProcessors(cells, of: domain, report)
    checkReferences(domain, count: cells.count, report)
  }

  private static func checkProcessors(
    _ cells: [Cell], of domain: ObjectSpec, _ report: (String, String, SourceRange?) -> Void
  ) {
    var owners: [Int: Int] = [:]
    for cell in cells {
      if let cpu = cell.cpus.sorted().first(where: { owners[$0] != nil }), let other = owners[cpu] {
        report("vcpu \(cpu) is in the NUMA cells \(other) and \(cell.number)", "put each vcpu into one cell", nil)
      }
      for cpu in cell.cpus { owners[cpu] = cell.number }
    }
    let count = domain[.vcpuCount] ?? 1
    guard !domain.hasMalformed(.vcpuCount) else { return }
    if let most = owners.keys.max(), most >= count {
      report(
        "the NUMA cell \(owners[most] ?? 0) has the vcpu \(most), and the domain has the vcpus 0 to \(count - 1)",
        "write `vcpus: \(most + 1)`, or change the cells", nil)
    }
  }

  /// What names a cell names one that there is.
  private static func checkReferences(
    _ domain: ObjectSpec, count: Int, _ report: (String, String, SourceRange?) -> Void
  ) {
    let remedy = "the cells are 0 to \(count - 1)"
    if let setting = domain.setting(.numaMemoryNodes) {
      for name in (setting.value.table ?? [:]).keys.sorted() where Int(name).map({ $0 >= count }) ?? false {
        report("there is no NUMA cell \(name) whose memory could be bound", remedy, setting.range)
      }
    }
    for cell in (domain.setting(.numaCells)?.value.table ?? [:]).sorted(by: { $0.key < $1.key }) {
      for name in (cell.value.table?[distancesName]?.table ?? [:]).keys.sorted()
      where Int(name).map({ $0 >= count }) ?? false {
        report("the NUMA cell \(cell.key) has a distance from the cell \(name), which is not there", remedy, nil)
      }
    }
    for device in domain.members("memory-devices") {
      guard let setting = device.setting(.memoryNode), let node = device[.memoryNode], node >= count else { continue }
      report("there is no NUMA cell \(node) for \(device.title)", remedy, setting.range)
    }
  }

  private static let cpusName = "cpus"
  private static let memoryName = "memory"
  private static let distancesName = "distances"
}

/// Checks the buses of disks against the machine that the spec names.
enum BusChecks {
  static func check(_ domain: ObjectSpec, into diagnostics: inout [Diagnostic]) {
    guard let machine = domain[.machine], MachineType.hasIDE(machine) == false else { return }
    for disk in domain.members("disks") {
      guard let bus = disk.setting(.bus), disk[.bus] == "ide" else { continue }
      diagnostics.append(
        Diagnostic(
          "conflict", "a domain on the machine \(machine) has no IDE controller", at: bus.range, subject: domain.title,
          suggestion: machine.contains("q35") ? "write `bus: sata`, or `machine: pc`" : "write `bus: scsi`",
          notes: domain.setting(.machine).map { [.init("the machine", at: $0.range)] } ?? []))
    }
  }
}
