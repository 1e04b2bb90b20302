using Sleb.Onnx.Runtime;

namespace Sleb.Tests.Onnx;

/// <summary>Cores are counted, not the threads that share one.</summary>
public class PhysicalCoresTests
{
    [Fact]
    public void ThreadsOfOneCoreCountOnce()
    {
        using var temporary = new TemporaryFolder();
        Assert.Null(PhysicalCores.Linux(temporary["missing"]));
        Assert.Null(PhysicalCores.Linux(temporary.Path));
        foreach (int cpu in Enumerable.Range(0, 4))
        {
            string topology = temporary[$"cpu{cpu}", "topology"];
            Directory.CreateDirectory(topology);
            File.WriteAllText(Path.Combine(topology, "thread_siblings_list"), cpu % 2 == 0 ? "0,2\n" : "1,3\n");
        }
        Directory.CreateDirectory(temporary["cpufreq"]);
        Assert.Equal(Math.Min(2, Environment.ProcessorCount), PhysicalCores.Linux(temporary.Path));
    }
}
