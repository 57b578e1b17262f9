// Conversions as QEMU sees them: the same disk, a clean image, no larger than QEMU's own.

import Foundation
import Testing

@testable import DiskImage

@Suite("Converting images")
struct ImageConversionTests {
  @Test("QEMU sees the same disk in every new image, and finds it clean", arguments: SampleDisk.allCases)
  func sameDisk(sample: SampleDisk) throws {
    let folder = try Folder()
    let (path, judge) = try sample.make(in: folder)
    for (index, options) in sample.targets.enumerated() {
      let target = folder("new\(index)")
      var conversion = ImageConversion(
        .init(path: path, format: sample.format, snapshot: sample.selector), to: options.creation)
      conversion.compressed = options.compressed
      let size = try conversion.convert(to: target)
      let format = options.creation.format
      #expect(try ImageInfo.read(path: target, format: format).virtualSize == size, "\(options)")
      let same = try run(
        ["qemu-img", "compare"] + judge.prefix(2) + ["-F", format.rawValue, judge[2], target], expecting: nil)
      // Disks of different sizes compare as equal, with a warning, when the rest is zeros.
      #expect(same.status == 0 && !same.output.contains("size"), "\(options): \(same.output)")
      if format == .qcow2 { try expectClean(target, "\(options)") }
      try FileManager.default.removeItem(atPath: target)
    }
  }

  @Test("a new image takes no more space than qemu-img's", arguments: TargetOptions.all)
  func size(options: TargetOptions) throws {
    let folder = try Folder()
    let (path, _) = try SampleDisk.raw.make(in: folder)
    var conversion = ImageConversion(.init(path: path, format: .raw), to: options.creation)
    conversion.compressed = options.compressed
    try conversion.convert(to: folder("ours"))
    let creation = options.creation
    var arguments = ["qemu-img", "convert", "-f", "raw", "-O", creation.format.rawValue]
    if creation.format == .qcow2 {
      arguments += [
        "-o",
        "cluster_size=\(creation.clusterSize),refcount_bits=\(creation.refcountBits),"
          + "extended_l2=\(creation.extendedL2 ? "on" : "off"),compat=\(creation.compatibility.rawValue),"
          + "compression_type=\(creation.compression.rawValue)",
      ]
    }
    try run(arguments + (options.compressed ? ["-c"] : []) + [path, folder("theirs")])
    let ours = try LocalFile(path: folder("ours")).status
    let theirs = try LocalFile(path: folder("theirs")).status
    let slack = max(65536, 2 * creation.clusterSize)
    #expect(ours.length <= theirs.length + theirs.length / 100 + slack)
    #expect(ours.bytesOnDisk <= theirs.bytesOnDisk + theirs.bytesOnDisk / 50 + slack)
  }

  @Test("the new file's bytes do not depend on how many threads made it", arguments: [false, true])
  func deterministic(compressed: Bool) throws {
    let folder = try Folder()
    let (path, _) = try SampleDisk.zlib.make(in: folder)
    for jobs in [1, 2, 7] {
      var target = ImageCreation(format: .qcow2)
      target.clusterSize = 4096
      var conversion = ImageConversion(.init(path: path), to: target)
      conversion.compressed = compressed
      conversion.jobs = jobs
      try conversion.convert(to: folder("\(jobs)"))
    }
    let one = try bytes(of: folder("1"))
    #expect(try bytes(of: folder("2")) == one)
    #expect(try bytes(of: folder("7")) == one)
  }

  @Test(
    "a new image may be larger than its source, and reads as zeros behind the old end", arguments: ImageFormat.allCases)
  func larger(format: ImageFormat) throws {
    let folder = try Folder()
    let (path, _) = try SampleDisk.zstd.make(in: folder)
    let target = ImageCreation(format: format, virtualSize: 1 << 30)
    #expect(try ImageConversion(.init(path: path), to: target).convert(to: folder("a")) == 1 << 30)
    #expect(try qemuInfoOf(folder("a"), format)["virtual-size"] as? Int == 1 << 30)
    try run("qemu-img", "compare", "-F", format.rawValue, path, folder("a"))
    let size = UInt64(SampleDisk.size)
    try expectPattern(folder("a"), format: format.rawValue, [(0, size, 16 << 20)])
    var smaller = target
    smaller.virtualSize = 1 << 20
    #expect(throws: ImageError.wouldShrink(path: path, from: size, to: 1 << 20)) {
      try ImageConversion(.init(path: path), to: smaller).convert(to: folder("b"))
    }
    #expect(folder.names == ["a", "disk", "sample.raw"])
  }

  private func qemuInfoOf(_ path: String, _ format: ImageFormat) throws -> [String: Any] {
    let output = try run("qemu-img", "info", "--output=json", "-f", format.rawValue, path).output
    return try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
  }

  @Test("progress grows to the whole disk, told by the thread that asked")
  func progress() throws {
    let folder = try Folder()
    try run("qemu-img", "create", "-q", "-f", "raw", folder("a"), "100M")
    try qemuIO(folder("a"), format: "raw", "write -P 5 0 60M")
    var told: [ImageConversion.Progress] = []
    let thread = pthread_self()
    try ImageConversion(.init(path: folder("a"), format: .raw), to: ImageCreation(format: .qcow2))
      .convert(to: folder("b")) { (progress) throws(ImageError) in
        #expect(pthread_equal(thread, pthread_self()) != 0)
        told.append(progress)
      }
    #expect(told.map(\.done) == told.map(\.done).sorted())
    #expect(told.count >= 2)
    #expect(told.last == ImageConversion.Progress(done: 100 << 20, total: 100 << 20))
  }

  @Test("file mode and owner are those asked for")
  func access() throws {
    let folder = try Folder()
    let (path, _) = try SampleDisk.tiny.make(in: folder)
    var target = ImageCreation(format: .raw)
    target.access = FileAccess(mode: 0o440)
    try ImageConversion(.init(path: path), to: target).convert(to: folder("a"))
    #expect(try FileManager.default.attributesOfItem(atPath: folder("a"))[.posixPermissions] as? Int == 0o440)
  }
}
