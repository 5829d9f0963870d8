// What <linux/kvm.h> of Linux 6.1 (Debian bookworm's linux-libc-dev) lacks and hvkit uses; include
// this instead of it. Every item is guarded, so newer headers win. Source: include/uapi/linux/kvm.h
// and asm/kvm.h of Linux 6.12 and later.
#ifndef HVKIT_KVM_IOCTLS_KVM_COMPAT_H_
#define HVKIT_KVM_IOCTLS_KVM_COMPAT_H_

#include <linux/stddef.h>
// Linux 6.1's macro wraps a flexible array in a struct with an empty member, which has size 1 in
// C++: kvm_msrs, kvm_xsave and others come out too large, and the request codes that encode their
// size are wrong.
#undef __DECLARE_FLEX_ARRAY
#define __DECLARE_FLEX_ARRAY(TYPE, NAME) TYPE NAME[0]

#include <linux/kvm.h>

static_assert(sizeof(kvm_msrs) == 8 && sizeof(kvm_cpuid2) == 8 && sizeof(kvm_xsave) == 4096,
              "<linux/kvm.h> was included before kvm_ioctls/kvm_compat.h");
static_assert(sizeof(kvm_msr_list) == 4 && sizeof(kvm_signal_mask) == 4 &&
              sizeof(kvm_irq_routing) == 8 && sizeof(kvm_pmu_event_filter) == 32 &&
              sizeof(kvm_nested_state) == 128 && sizeof(kvm_stats_desc) == 16 &&
              sizeof(kvm_coalesced_mmio_ring) == 8);
static_assert(KVM_GET_MSRS == 0xc008ae88 && KVM_GET_XSAVE == 0x9000aea4);

// Exit reasons.
#ifndef KVM_EXIT_LOONGARCH_IOCSR
#define KVM_EXIT_LOONGARCH_IOCSR 38
#endif
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#define KVM_MEMORY_EXIT_FLAG_PRIVATE (1ULL << 3)
#endif
#ifndef KVM_EXIT_TDX
#define KVM_EXIT_TDX 40
#endif

// Capabilities.
#ifndef KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP
#define KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP 225
#endif
#ifndef KVM_CAP_PMU_EVENT_MASKED_EVENTS
#define KVM_CAP_PMU_EVENT_MASKED_EVENTS 226
#endif
#ifndef KVM_CAP_USER_MEMORY2
#define KVM_CAP_USER_MEMORY2 231
#endif
#ifndef KVM_CAP_MEMORY_FAULT_INFO
#define KVM_CAP_MEMORY_FAULT_INFO 232
#endif
#ifndef KVM_CAP_MEMORY_ATTRIBUTES
#define KVM_CAP_MEMORY_ATTRIBUTES 233
#endif
#ifndef KVM_CAP_GUEST_MEMFD
#define KVM_CAP_GUEST_MEMFD 234
#endif
#ifndef KVM_CAP_VM_TYPES
#define KVM_CAP_VM_TYPES 235
#endif
#ifndef KVM_CAP_PRE_FAULT_MEMORY
#define KVM_CAP_PRE_FAULT_MEMORY 236
#endif
#ifndef KVM_CAP_X86_APIC_BUS_CYCLES_NS
#define KVM_CAP_X86_APIC_BUS_CYCLES_NS 237
#endif
#ifndef KVM_CAP_X86_GUEST_MODE
#define KVM_CAP_X86_GUEST_MODE 238
#endif

// Types of virtual machine (KVM_CREATE_VM's argument).
#ifndef KVM_X86_DEFAULT_VM
#define KVM_X86_DEFAULT_VM 0
#define KVM_X86_SW_PROTECTED_VM 1
#endif

// Quirks that KVM_CAP_DISABLE_QUIRKS2 turns off.
#ifndef KVM_X86_QUIRK_SLOT_ZAP_ALL
#define KVM_X86_QUIRK_SLOT_ZAP_ALL (1 << 7)
#endif
#ifndef KVM_X86_QUIRK_STUFF_FEATURE_MSRS
#define KVM_X86_QUIRK_STUFF_FEATURE_MSRS (1 << 8)
#endif

// Guest-private memory.
#ifndef KVM_SET_USER_MEMORY_REGION2
#define KVM_MEM_GUEST_MEMFD (1UL << 2)
struct kvm_userspace_memory_region2 {
  __u32 slot;
  __u32 flags;
  __u64 guest_phys_addr;
  __u64 memory_size;
  __u64 userspace_addr;
  __u64 guest_memfd_offset;
  __u32 guest_memfd;
  __u32 pad1;
  __u64 pad2[14];
};
#define KVM_SET_USER_MEMORY_REGION2 _IOW(KVMIO, 0x49, struct kvm_userspace_memory_region2)
#endif
#ifndef KVM_SET_MEMORY_ATTRIBUTES
struct kvm_memory_attributes {
  __u64 address;
  __u64 size;
  __u64 attributes;
  __u64 flags;
};
#define KVM_MEMORY_ATTRIBUTE_PRIVATE (1ULL << 3)
#define KVM_SET_MEMORY_ATTRIBUTES _IOW(KVMIO, 0xd2, struct kvm_memory_attributes)
#endif
#ifndef KVM_CREATE_GUEST_MEMFD
struct kvm_create_guest_memfd {
  __u64 size;
  __u64 flags;
  __u64 reserved[6];
};
#define KVM_CREATE_GUEST_MEMFD _IOWR(KVMIO, 0xd4, struct kvm_create_guest_memfd)
#endif

#endif  // HVKIT_KVM_IOCTLS_KVM_COMPAT_H_
