using Sleb.Core.Checkpoints;
using Sleb.Onnx.Surgery;
using Sleb.Tests.Onnx;
using Sleb.Torch.Natives;
using TorchSharp;
using TorchSharp.PyBridge;

namespace Sleb.Tests;

/// <summary>Does what is written say to other people's readers what its source says? TorchSharp.PyBridge reads safetensors, ONNX Runtime graphs.</summary>
public class RoundTripTests
{
    [Theory, MemberData(nameof(ConformanceFolder.Names), MemberType = typeof(ConformanceFolder))]
    public void A_pruned_checkpoint_holds_the_tensors_of_the_dense_one_bit_for_bit(string name)
    {
        LibTorch.EnsureLoaded();
        var folder = ConformanceFolder.Open(name);
        using var temporary = new TemporaryFolder();
        using var scope = torch.NewDisposeScope();
        var dense = Read(folder.Path);
        foreach (int[] removed in (int[][])[[0], [3, 1]])
        {
            string prefix = Prune(folder, removed, temporary[ConformanceFolder.Label(removed)]).BlockPrefix;
            int[] survivors = folder.Survivors(removed);
            var pruned = Read(temporary[ConformanceFolder.Label(removed)]);
            Assert.Equal(survivors.Length, pruned.Keys.Select(Block).OfType<int>().Distinct().Count());
            foreach (var (key, tensor) in pruned)
            {
                var source = dense[Block(key) is { } block ? BlockName.Renumber(key, prefix, survivors[block]) : key];
                Assert.Equal((source.dtype, string.Join(',', source.shape)), (tensor.dtype, string.Join(',', tensor.shape)));
                Assert.True(source.bytes.SequenceEqual(tensor.bytes), key);
            }

            int? Block(string key) => BlockName.Index(key, prefix);
        }
    }

    [Theory, MemberData(nameof(ConformanceFolder.Names), MemberType = typeof(ConformanceFolder))]
    public void Pruned_as_a_checkpoint_or_as_a_graph_it_is_the_same_model(string name)
    {
        var folder = ConformanceFolder.Open(name);
        using var temporary = new TemporaryFolder();
        int[] removed = folder.RemovedSets.Last(set => set.Length > 0);
        Prune(folder, removed, temporary["pruned"]);
        using var fromPruned = Exported.Of(temporary["pruned"]);
        using var dense = Exported.Of(folder.Path);
        BlockSurgery.Remove(new() { Folder = dense.Folder, RemovedBlocks = removed, OutFolder = temporary["cut"] }, TestContext.Current.CancellationToken);
        using OrtWholePass one = new(fromPruned.Folder), other = new(temporary["cut"]);
        for (int row = 0; row < folder.Rows.Length; row++)
        {
            float[] logits = one.Logits(folder.Rows[row]);
            Assert.Equal(0, EmitConformanceTests.MaxDifference(logits, other.Logits(folder.Rows[row])));
            Assert.InRange(EmitConformanceTests.MaxDifference(folder.Logits(removed, row), logits), 0, 2e-4);
        }
    }

    private static Core.Families.Family Prune(ConformanceFolder folder, int[] removed, string target)
    {
        using var checkpoint = folder.Checkpoint();
        PrunedCheckpoint.Write(checkpoint, removed, target, overwrite: false, cancellationToken: TestContext.Current.CancellationToken);
        return checkpoint.RequireFamily();
    }

    private static Dictionary<string, torch.Tensor> Read(string folder) =>
        Directory.GetFiles(folder, "model*.safetensors").SelectMany(file => Safetensors.LoadStateDict(file)).ToDictionary();
}
