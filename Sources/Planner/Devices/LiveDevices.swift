// Devices that come and go while the guest runs.

import Vocabulary
import XMLTree

extension DomainPlanning {
  /// Whether a device can be plugged into the running guest, beside those that are to be plugged in already.
  func canPlugIn(_ element: XMLElement, into running: XMLElement) -> Bool {
    // Into a guest that is to be stopped nothing needs to be plugged.
    !isToBeStopped && Hotplug.canPlug(element, into: running, beside: attachments.map(\.element))
  }

  /// Whether a device can be unplugged from the running guest.
  func canUnplug(_ device: DeviceIdentity) -> Bool {
    guard !isToBeStopped, let element = observed?.running.flatMap(device.find) else { return false }
    return Hotplug.canUnplug(element)
  }
}
