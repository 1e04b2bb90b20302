using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Sleb.Cli.Output;

/// <summary>What a measurement was made on.</summary>
internal static class Machine
{
    /// <summary>Processor, cores, and whether it multiplies bfloat16 matrices itself.</summary>
    public static string Describe()
    {
        string cores = $"{Environment.ProcessorCount} cores";
        return X86Base.IsSupported
            ? $"{ProcessorName()}, {cores}, {(Bit(X86Base.CpuId(7, 1).Eax, 5) ? "AVX512-BF16" : "no AVX512-BF16")}"
            : $"{RuntimeInformation.ProcessArchitecture}, {cores}";
    }

    /// <summary>The brand string, 16 characters a leaf.</summary>
    private static string ProcessorName()
    {
        const int First = unchecked((int)0x80000002);
        if (unchecked((uint)X86Base.CpuId(First - 2, 0).Eax) < unchecked((uint)First + 2)) return "x86 processor";
        Span<int> words = stackalloc int[12];
        for (int leaf = 0; leaf < 3; leaf++)
            (words[leaf * 4], words[leaf * 4 + 1], words[leaf * 4 + 2], words[leaf * 4 + 3]) = X86Base.CpuId(First + leaf, 0);
        return System.Text.Encoding.ASCII.GetString(MemoryMarshal.AsBytes(words)).TrimEnd('\0', ' ').Trim();
    }

    private static bool Bit(int value, int position) => (value >> position & 1) != 0;
}
