using Sleb.Benchmarks.Naive;
using Sleb.Torch.Natives;

namespace Sleb.Tests.Benchmarks;

/// <summary>Does the loop that the product is measured against compute the reference's losses?</summary>
public class NaiveLlamaTests
{
    public static TheoryData<string> Names => [.. ConformanceFolder.All.Where(name => name.StartsWith("llama", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Names))]
    public void Losses_equal_the_reference_for_every_single_block(string name)
    {
        LibTorch.EnsureLoaded();
        var reference = ConformanceFolder.Open(name);
        using var checkpoint = reference.Checkpoint();
        using var model = new NaiveLlama(checkpoint);
        foreach (var (removed, expected) in reference.Losses)
            Assert.Equal(expected, reference.Rows.Average(ids =>
            {
                using var hidden = model.Run(ids, reference.Survivors(removed));
                return model.Loss(hidden, ids);
            }), 5e-5);
    }
}
