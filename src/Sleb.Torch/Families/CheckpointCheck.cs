using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Families;

/// <summary>Whether a checkpoint's tensors are those its config.json describes; no weight is read.</summary>
internal static class CheckpointCheck
{
    /// <summary>One sentence for each thing that is wrong, in the model's order.</summary>
    public static IReadOnlyList<string> Problems(Checkpoint checkpoint)
    {
        var problems = new List<string>();
        try
        {
            var family = FamilyRegistry.Get(checkpoint.Config.ModelType);
            bool blocksFit = Holds(() => checkpoint.RequireFamily(), problems);
            LibTorch.EnsureLoaded();
            using var model = TorchFamilies.Create(family, checkpoint.Config, checkpoint.HasOwnHead(family), META); // names and shapes only
            foreach (var (name, parameter) in model.named_parameters())
            {
                // Where whole blocks are missing, one sentence has said so.
                if (!blocksFit && BlockName.Index(name, family.BlockPrefix) is not null && !checkpoint.Has(name)) continue;
                Holds(() => checkpoint.Find(name, parameter.shape), problems);
            }
        }
        catch (CheckpointException e) // the config itself
        {
            problems.Add(e.Message);
        }
        return problems;
    }

    private static bool Holds(Action check, List<string> problems)
    {
        try
        {
            check();
            return true;
        }
        catch (CheckpointException e)
        {
            problems.Add(e.Message);
            return false;
        }
    }
}
