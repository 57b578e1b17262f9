// What running guests are asked for, whatever numbers a spec, a record or a definition holds: libvirt's parameters are unsigned, and narrower.

import Libvirt
import Planner
import Testing
import Vocabulary
import XMLTree

@testable import Applier

@Suite("parameters of running guests")
struct LiveParameterTests {
  @Test("take the nearest number that libvirt has", arguments: [Int.min, -1, 0, 1, 1 << 32, Int.max])
  func numbers(number: Int) {
    func parameters(_ way: LiveWay) -> [String: DomainParameter] {
      [LiveChange(field: "x", entry: Vocabulary.domain[.title], value: .integer(number), way: way)].parameters
    }
    let unsigned = UInt64(max(number, 0))
    #expect(parameters(.scheduler("cpu_shares")) == ["cpu_shares": .unsigned(unsigned)])
    #expect(parameters(.scheduler("vcpu_quota")) == ["vcpu_quota": .signed(Int64(number))])
    #expect(parameters(.blockIO("read_iops_sec")) == ["read_iops_sec": .unsigned(unsigned)])
    #expect(parameters(.blockWeight) == ["weight": .unsigned32(UInt32(min(max(number, 0), 0xFFFF_FFFF)))])
    for (member, parameter) in Vocabulary.throttleParameters {
      let limits = Value.table([member: .integer(number)])
      #expect(DomainParameter.throttling(limits, insteadOf: nil) == [parameter: .unsigned(unsigned)])
      // A limit that left is lifted.
      #expect(DomainParameter.throttling(.table([:]), insteadOf: limits) == [parameter: .unsigned(0)])
    }
  }

  @Test(
    "I/O threads are counted as far as guests have any",
    arguments: [("0", 0), ("4", 4), ("-1", 0), ("4294967297", 65_536), ("9223372036854775807", 65_536), ("many", 0)])
  func threads(count: String, numbers: Int) throws {
    let domain = try XMLElement.parse("<domain><iothreads>\(count)</iothreads></domain>")
    #expect(IOThreads(in: domain).numbers.count == numbers)
    let listed = try XMLElement.parse(
      "<domain><iothreads>\(count)</iothreads><iothreadids><iothread id='4294967295'/></iothreadids></domain>")
    #expect(IOThreads(in: listed).numbers.count == max(numbers, 1))
  }
}
