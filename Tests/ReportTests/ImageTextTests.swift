// What people read of images: a check's findings, a map, snapshots, a description.

import Foundation
import Report
import TestSupport
import Testing

@testable import DiskImage

@Suite("images as text")
struct ImageTextTests {
  private static func finding(_ kind: ImageCheck.Finding.Kind, _ text: String, fixed: Bool = false)
    -> ImageCheck.Finding
  {
    ImageCheck.Finding(kind: kind, text: text, isFixed: fixed)
  }

  private static let sound = ImageCheck.Result(
    corruptions: 0, leaks: 0, checkErrors: 0, corruptionsFixed: 0, leaksFixed: 0, imageEndOffset: 0, totalClusters: 0,
    allocatedClusters: 0, fragmentedClusters: 0, compressedClusters: 0, findings: [])

  private static func damaged() -> ImageCheck.Result {
    var result = sound
    result.corruptions = 2
    result.leaks = 1
    result.leaksFixed = 3
    result.imageEndOffset = 9_437_184
    result.totalClusters = 16384
    result.allocatedClusters = 120
    result.fragmentedClusters = 12
    result.compressedClusters = 7
    result.findings = [
      finding(
        .corruption,
        "cluster 5 (byte 327680) has a refcount of 1, but 2 references: the active L2 table of guest offset 0"),
      finding(.corruption, "a name from a stranger: \u{1B}[2Jx\ny"),
      finding(.leak, "cluster 9 has a refcount of 1, but no reference"),
      finding(.leak, "clusters 20 to 22 have refcounts of 1, but no reference", fixed: true),
    ]
    return result
  }

  @Test("a damaged image")
  func check() throws {
    let text = Self.damaged().text(path: "disk.qcow2")
    try expectGolden(text, "image-check.txt")
    for line in text.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
  }

  @Test("a hundred findings are shown, and the rest is counted", arguments: [100, 101, 1000])
  func many(count: Int) {
    var result = Self.damaged()
    result.findings = (0..<count).map { Self.finding(.leak, "cluster \($0)") }
    let text = result.text(path: "disk.qcow2")
    #expect(text.contains("cluster 99\n") && !text.contains("cluster 100\n"))
    #expect(text.contains("and 1 more\n") == (count == 101))
    #expect(text.contains("and 900 more at least\n") == (count == 1000))
  }

  @Test("a sound image, one that was repaired, and one that could not be looked at end as qemu-img ends")
  func summaries() {
    var result = Self.sound
    #expect(result.exitCode == 0 && result.text(path: "a").hasSuffix("a: no faults found\n"))
    result.leaksFixed = 1
    #expect(result.exitCode == 0 && result.text(path: "a").hasSuffix("a: no faults left; 1 leaked cluster repaired\n"))
    result.leaks = 2
    #expect(result.exitCode == 3 && result.text(path: "a").contains("a: 2 leaked clusters; 1 leaked cluster repaired;"))
    result.corruptions = 1
    #expect(result.exitCode == 2 && result.text(path: "a").contains("a: 1 corruption, 2 leaked clusters;"))
    result.checkErrors = 1
    #expect(result.exitCode == 1 && result.text(path: "a").contains("1 check error"))
  }

  @Test("the document of a check has qemu-img's names, and every finding")
  func document() throws {
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(Self.damaged().json(path: "disk.qcow2").utf8)) as? [String: Any])
    let numbers = [
      "check-errors": 0, "corruptions": 2, "leaks": 1, "corruptions-fixed": 0, "leaks-fixed": 3,
      "image-end-offset": 9_437_184, "total-clusters": 16384, "allocated-clusters": 120, "fragmented-clusters": 12,
      "compressed-clusters": 7,
    ]
    for (name, number) in numbers { #expect(object[name] as? Int == number, "\(name)") }
    #expect(object["filename"] as? String == "disk.qcow2" && object["format"] as? String == "qcow2")
    let findings = try #require(object["findings"] as? [[String: Any]])
    #expect(findings.map { $0["kind"] as? String } == ["corruption", "corruption", "leak", "leak"])
    #expect(findings.map { $0["fixed"] as? Bool } == [false, false, false, true])
  }
}
