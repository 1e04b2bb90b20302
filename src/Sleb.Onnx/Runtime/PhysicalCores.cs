namespace Sleb.Onnx.Runtime;

/// <summary>
/// How many threads a model on the CPU is worth. GenAI takes half of the logical processors, as if every core were two; on a virtual
/// machine whose cores are cores that is half of the speed.
/// </summary>
internal static class PhysicalCores
{
    /// <summary>GenAI's own limit.</summary>
    private const int Most = 16;

    /// <summary>Null where the system does not say: GenAI then decides.</summary>
    public static int? Count { get; } = OperatingSystem.IsLinux() ? Linux("/sys/devices/system/cpu") : null;

    /// <param name="folder">A folder <c>cpu0</c>, <c>cpu1</c> … for each logical processor, which names those that share its core.</param>
    public static int? Linux(string folder)
    {
        try
        {
            int cores = Directory.EnumerateDirectories(folder, "cpu*").Select(cpu => Path.Combine(cpu, "topology", "thread_siblings_list"))
                .Where(File.Exists).Select(File.ReadAllText).Distinct(StringComparer.Ordinal).Count();
            return cores == 0 ? null : Math.Min(Most, Math.Min(cores, Environment.ProcessorCount)); // a container may have fewer
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
