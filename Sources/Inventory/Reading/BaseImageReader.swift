// Looking at a base image and for its copy in a pool, without reading more of it than is needed.

import DiskImage
import SystemCalls

/// Observes one base image.
struct BaseImageReader: Sendable {
  let image: InventoryRequest.BaseImage
  let references: ReferencePolicy
  let copies: BaseCopies
  /// Hears of a checksum on its way.
  var report: @Sendable (ReadingProgress) -> Void = { _ in }

  func observe() -> ObservedBaseImage {
    let source = readSource()
    guard let copy = image.copy else { return ObservedBaseImage(source: source, sha256: image.sha256) }
    if let sha256 = image.sha256 {
      let formats = image.format.map { [$0] } ?? ImageFormat.allCases
      for format in formats {
        let path = copy.path(sha256: sha256, format: format)
        if FileStatus.isTaken(path) { return found(path, sha256, format, source) }
      }
      return ObservedBaseImage(source: checked(source, sha256), sha256: sha256)
    }
    guard case .image(let chain) = source else { return ObservedBaseImage(source: source) }
    if let known = knownChecksum(of: chain.top, in: copy) {
      return ObservedBaseImage(
        source: source, sha256: known, copy: copy.path(sha256: known, format: chain.top.format))
    }
    do {
      let sha256 = try FileChecksum.sha256(of: image.source) { done in
        report(.hashing(path: image.source, done: done, total: max(done, chain.top.fileLength)))
      }
      report(.hashed(path: image.source))
      let path = copy.path(sha256: sha256, format: chain.top.format)
      guard FileStatus.isTaken(path) else { return ObservedBaseImage(source: source, sha256: sha256) }
      return found(path, sha256, chain.top.format, source)
    } catch {
      return ObservedBaseImage(source: .unusable(error))
    }
  }

  /// A copy that is there, proved to be one.
  private func found(
    _ path: String, _ sha256: String, _ format: ImageFormat, _ source: ObservedFile
  ) -> ObservedBaseImage {
    var observed = ObservedBaseImage(source: source, sha256: sha256, copy: path)
    do throws(ImageError) {
      try require(path, sha256, format)
    } catch {
      observed.copyProblem = error
    }
    return observed
  }

  private func require(_ path: String, _ sha256: String, _ format: ImageFormat) throws(ImageError) {
    let total = (try? FileStatus(of: path, followingLinks: false))?.length ?? 0
    var isRead = false
    try copies.require(path, sha256: sha256, format: format) { done in
      isRead = true
      report(.hashing(path: path, done: done, total: max(done, total)))
    }
    if isRead { report(.hashed(path: path)) }
  }

  /// The source, refused where its checksum is not the stated one: before all of it is copied, and not after.
  private func checked(_ source: ObservedFile, _ sha256: String) -> ObservedFile {
    guard case .image(let chain) = source else { return source }
    do {
      let found = try FileChecksum.sha256(of: image.source) { done in
        report(.hashing(path: image.source, done: done, total: max(done, chain.top.fileLength)))
      }
      report(.hashed(path: image.source))
      guard found != sha256 else { return source }
      return .unusable(
        .refused(
          path: image.source,
          reason: "its SHA-256 is \(found), not \(sha256); fetch the image again, or correct `sha256`"))
    } catch {
      return .unusable(error)
    }
  }

  /// The source, refused when it is another format than the spec says or than an image can be.
  private func readSource() -> ObservedFile {
    do {
      let chain = try BackingChain.read(path: image.source, format: image.format, references: references)
      if let looksLike = chain.top.looksLike, chain.top.format == .raw {
        return .unusable(.notA(.raw, path: image.source, looksLike: looksLike))
      }
      if image.format == nil, let misnomer = chain.top.misnomer {
        let format = chain.top.format
        return .unusable(
          .refused(
            path: image.source,
            reason:
              "it \(misnomer.clause); fetch the image again or rename the file, or write `format: \(format)` if this "
              + "is what guests are to have"))
      }
      if chain.top.format == .qcow2 { try ImageInfo.requireWhole(path: image.source) }
      return .image(chain)
    } catch {
      return ObservedFile(error, at: image.source)
    }
  }

  /// The checksum of a copy that was made from the source as it is now: a copy keeps the length and the time of
  /// modification of what it was made from.
  private func knownChecksum(of source: ImageInfo, in copy: InventoryRequest.Copy) -> String? {
    let prefix = "\(copy.name)-"
    let suffix = ".\(source.format.rawValue)"
    for name in FileNames.names(in: copy.folder) {
      guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { continue }
      let sha256 = String(name.dropFirst(prefix.count).dropLast(suffix.count))
      guard sha256.utf8.count == 64 else { continue }
      let path = "\(copy.folder)/\(name)"
      guard let status = try? FileStatus(of: path, followingLinks: false), status.kind == .regularFile,
        status.length == source.fileLength, status.modified == source.modified
      else { continue }
      // One that is not what its name says proves nothing of the source either.
      do throws(ImageError) {
        try require(path, sha256, source.format)
        return sha256
      } catch {
        continue
      }
    }
    return nil
  }

}
